import { describe, expect, it } from 'vitest'
import { authorization, mlflowBaseUrl, withoutCredentials } from '../../src/mlflow/connection.ts'

describe('mlflowBaseUrl', () => {
  it.each([
    ['http://mlflow:5000', 'http://mlflow:5000/'],
    ['http://mlflow:5000/', 'http://mlflow:5000/'],
    ['https://host/team/mlflow//', 'https://host/team/mlflow'],
    ['https://ada:secret@host/x?y=z#w', 'https://host/x'],
  ])('of %s is %s', (uri, base) => {
    expect(mlflowBaseUrl(uri).href).toBe(base)
  })

  it.each(['mlflow:5000', 'databricks', 'sqlite:///mlflow.db', 'models', ''])(
    'refuses %j and names the variables',
    (uri) => {
      expect(() => mlflowBaseUrl(uri)).toThrow(/http:\/\/mlflow:5000.*MLFLOW_TRACKING_URI/)
      expect(() => mlflowBaseUrl(uri)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    },
  )

  it('keeps a password out of the refusal', () => {
    expect(() => mlflowBaseUrl('ftp://ada:secret@host')).not.toThrow(/secret/)
  })
})

describe('authorization', () => {
  const uri = 'http://host'
  const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`

  it('is basic where both parts are set, even with a token', () => {
    const connection = { uri, username: 'ada', password: 'pä:ss', token: 'abc' }
    expect(authorization(connection)).toBe(basic('ada:pä:ss'))
  })

  it('is the token where one part is missing', () => {
    expect(authorization({ uri, username: 'ada', token: 'abc' })).toBe('Bearer abc')
  })

  it('is the login of the URL where nothing else is set', () => {
    expect(authorization({ uri: 'http://ada:s%40t@host' })).toBe(basic('ada:s@t'))
    expect(authorization({ uri: 'http://ada:s@host', token: 'abc' })).toBe('Bearer abc')
  })

  it('is nothing where nothing is set', () => {
    expect(authorization({ uri })).toBeUndefined()
  })
})

describe('withoutCredentials', () => {
  it('keeps trust and limits, and nothing that says who we are', () => {
    const connection = {
      uri: 'http://mlflow:5000',
      username: 'ada',
      password: 'secret',
      token: 'token',
      workspace: 'team',
      clientCertificate: '/client.pem',
      caBundle: '/ca.pem',
      timeoutMs: 100,
    }
    const other = withoutCredentials(connection, 'http://bob:secret@other:1/x')
    expect(JSON.stringify(other)).not.toMatch(/ada|secret|token|team|client/)
    expect(other).toMatchObject({ uri: 'http://other:1/x', caBundle: '/ca.pem', timeoutMs: 100 })
  })
})
