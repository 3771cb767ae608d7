import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mergeLogin, parseCredentialsFile } from '../../src/mlflow/credentials-file.ts'

describe('parseCredentialsFile', () => {
  it('reads what the mlflow command writes', () => {
    const text = '[mlflow]\nmlflow_tracking_username = ada\nmlflow_tracking_password = s3cret\n'
    expect(parseCredentialsFile(text)).toEqual({ username: 'ada', password: 's3cret' })
  })

  it('takes either part alone', () => {
    const text = '[mlflow]\nmlflow_tracking_password=x'
    expect(parseCredentialsFile(text)).toEqual({ username: undefined, password: 'x' })
  })

  it.each([
    ['keys in any case', '[mlflow]\nMLFLOW_Tracking_Username=ada'],
    ['a colon', '[mlflow]\nmlflow_tracking_username: ada'],
    ['Windows line ends', '[mlflow]\r\nmlflow_tracking_username = ada\r\n'],
    [
      'comments',
      '# mine\n[mlflow]\n; also\n#mlflow_tracking_username = eve\nmlflow_tracking_username = ada',
    ],
    [
      'other sections',
      '[other]\nmlflow_tracking_username = eve\n[mlflow]\nmlflow_tracking_username = ada\n[x]\nmlflow_tracking_username = bob',
    ],
    ['lines that are no setting', '[mlflow]\n???\n\nmlflow_tracking_username = ada'],
  ])('knows %s', (_what, text) => {
    expect(parseCredentialsFile(text).username).toBe('ada')
  })

  it('keeps separators and comment signs inside a password, and reads two percent signs as one', () => {
    const text = '[mlflow]\nmlflow_tracking_password = a=b:c#d;e%%f'
    expect(parseCredentialsFile(text).password).toBe('a=b:c#d;e%f')
  })

  it('gives nothing for a file without the section', () => {
    expect(parseCredentialsFile('mlflow_tracking_username = ada')).toEqual({})
  })

  it('reads back any password that has no line end and no space around it', () => {
    const password = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
    fc.assert(
      fc.property(password, (secret) => {
        const text = `[mlflow]\nmlflow_tracking_password = ${secret.replaceAll('%', '%%')}\n`
        expect(parseCredentialsFile(text).password).toBe(secret)
      }),
    )
  })
})

describe('mergeLogin', () => {
  it('prefers each part of the environment', () => {
    const file = { username: 'file-user', password: 'file-password' }
    const environment = { username: 'env-user', password: undefined }
    expect(mergeLogin(environment, file)).toEqual({
      username: 'env-user',
      password: 'file-password',
    })
  })
})
