import { describe, expect, it } from 'vitest'
import type { ContractChange, ServedContract } from '../../../src/model/contract-difference.ts'
import { contractGate } from '../../../src/serving/gates/contract.ts'
import { ManualServing, version } from '../support/manual-serving.ts'

const PLAIN: ServedContract = {
  signature: undefined,
  inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 4] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 3] }],
}
const WIDER = {
  ...PLAIN,
  outputs: [...PLAIN.outputs, { name: 'label', dtype: 'int64', shape: [-1] } as const],
}
const OTHER: ServedContract = {
  ...PLAIN,
  outputs: [{ name: 'y', dtype: 'float32', shape: [-1, 4] }],
}
/** By version number. */
const CONTRACTS = new Map([
  ['1', PLAIN],
  ['2', WIDER],
  ['3', OTHER],
])

function serve(accepted: ContractChange = 'compatible') {
  const serving: ManualServing = new ManualServing({}, [
    contractGate({
      contractOf: ({ madeFor }) => CONTRACTS.get(madeFor) ?? PLAIN,
      acceptedFor: () => accepted,
      excuse: (registered) => serving.manager.excuse(registered),
    }),
  ])
  const set = async (number: number) => {
    await serving.set('churn', { champion: version('churn', number) })
    await serving.manager.settled()
  }
  const versions = () => serving.manager.modelStatus('churn').versions
  return { serving, set, versions }
}

describe('the first version', () => {
  it('has nothing to be compared with', async () => {
    const { set, versions } = serve('identical')
    await set(3)
    expect(versions()).toMatchObject([{ state: 'ready', contract: undefined }])
  })
})

describe('a version that clients would not notice', () => {
  it('serves, with what is new about it', async () => {
    const { serving, set, versions } = serve()
    await set(1)
    await set(2)
    expect(serving.serving('churn')).toBe('2')
    expect(versions()).toMatchObject([
      {
        contract: {
          change: 'compatible',
          differences: ['output "label" is new, int64 [-1]'],
          accepted: undefined,
        },
      },
    ])
  })

  it('is refused where it has to be identical', async () => {
    const { serving, set, versions } = serve('identical')
    await set(1)
    await set(2)
    expect(serving.serving('churn')).toBe('1')
    expect(versions()[1]?.failure).toMatchObject({
      message: expect.stringMatching(/^Version 2 is not identical to version 1: output "label"/),
    })
  })
})

describe('a version that breaks clients', () => {
  it('is refused in words, and never tried again by itself', async () => {
    const { serving, set, versions } = serve()
    await set(1)
    await set(3)
    expect(versions()[1]).toMatchObject({
      state: 'failed',
      failure: { code: 'CONTRACT_BREAKING', stage: 'warming', held: true, nextTryAt: undefined },
    })
    expect(versions()[1]?.failure?.message).toContain(
      'output "y" changed from float32 [-1,3] to float32 [-1,4]',
    )
    serving.clock.advance(24 * 3_600_000)
    await serving.manager.settled()
    expect(serving.loads.begun.filter((source) => source.startsWith('churn/3'))).toHaveLength(1)
    expect(serving.serving('churn')).toBe('1')
  })

  it('serves when it is allowed, and the allowance is used up', async () => {
    const { serving, set } = serve()
    await set(1)
    await set(3)
    expect(serving.manager.allow('churn', '3')).toEqual(['3'])
    await serving.manager.reconcile('churn')
    expect(serving.serving('churn')).toBe('3')
    expect(() => serving.manager.allow('churn')).toThrow('was refused')
  })

  it('loses its allowance when the reference moves on before it served', async () => {
    const { serving, set } = serve()
    await set(1)
    await set(3)
    serving.manager.allow('churn')
    await set(2)
    await set(3)
    expect(serving.serving('churn')).toBe('2')
  })

  it('goes back to a version that served, whatever that lacks', async () => {
    const { serving, set, versions } = serve()
    await set(1)
    await set(2)
    await set(1)
    expect(serving.serving('churn')).toBe('1')
    expect(versions()).toMatchObject([
      { contract: { change: 'breaking', accepted: 'it has served before' } },
    ])
  })
})
