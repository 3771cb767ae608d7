import { describe, expect, it } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import type { TrialLoader } from '../../../src/interfaces.ts'
import type { Gate } from '../../../src/serving/handover/bring-up.ts'
import { servingV1, v1, v2 } from '../support/iris.ts'
import { RowSum, type TestContract } from '../support/manual-serving.ts'

const FIGURES = {
  loadMs: 20,
  runMs: 1,
  memoryBytes: 5_000,
  peakMemoryBytes: 8_000,
  totalMs: 200,
}

/** Trials that a test can look at; `failure` is what each comes to. */
function trials(failure?: ServingError) {
  const models: RowSum[] = []
  const loader: TrialLoader = {
    load: async () => {
      if (failure !== undefined) throw failure
      const model = Object.assign(new RowSum(0), { figures: () => FIGURES })
      models.push(model)
      return model
    },
  }
  const trialFor = (_: string, replaces: boolean) => (replaces ? loader : undefined)
  return { models, trialFor }
}

describe('a version that is tried out first', () => {
  it('meets the gates there, and is loaded on the workers when it has passed', async () => {
    const { models, trialFor } = trials()
    const met: unknown[] = []
    const gate: Gate<TestContract> = async ({ model }) => {
      met.push(model)
      return {}
    }
    const serving = await servingV1({ trialFor }, [gate])
    await serving.set('iris', { champion: v2 })
    expect(met).toEqual([serving.models.get(v1.source), models[0]])
    expect(models[0]?.unloaded).toBe(true)
    expect(serving.serving('iris')).toBe('2')
    expect(serving.seen('trial')).toMatchObject([{ version: '2', code: undefined }])
  })

  it('tells what it took, and what its memory is', async () => {
    const serving = await servingV1({ trialFor: trials().trialFor })
    await serving.set('iris', { champion: v2 })
    expect(serving.manager.modelStatus('iris').versions.at(-1)).toMatchObject({
      version: '2',
      trial: FIGURES,
      memory: { bytes: 5_000, peakBytes: 8_000, measured: true },
    })
  })

  it('never comes to the workers when its process ends', async () => {
    const failure = new ServingError('TRIAL_FAILED', 'the process was ended by SIGSEGV')
    const serving = await servingV1({ trialFor: trials(failure).trialFor })
    await serving.set('iris', { champion: v2 })
    expect(serving.loads.begun).toEqual([v1.source])
    expect(serving.serving('iris')).toBe('1')
    expect(serving.seen('trial')).toMatchObject([{ version: '2', code: 'TRIAL_FAILED' }])
  })

  it('has its process ended when a gate refuses it', async () => {
    const { models, trialFor } = trials()
    const gate: Gate<TestContract> = async ({ registered }) => {
      if (registered === v2) throw new ServingError('MODEL_FAILED', 'answers NaN')
      return {}
    }
    const serving = await servingV1({ trialFor }, [gate])
    await serving.set('iris', { champion: v2 })
    expect(models[0]?.unloaded).toBe(true)
    expect(serving.serving('iris')).toBe('1')
    expect(serving.seen('trial')).toMatchObject([{ version: '2', code: 'MODEL_FAILED' }])
  })
})
