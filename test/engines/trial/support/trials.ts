import { onTestFinished } from 'vitest'
import { systemClock } from '../../../../src/clock.ts'
import { childEnvironment } from '../../../../src/config/child-environment.ts'
import { createTrialLoader, type TrialOptions } from '../../../../src/engines/trial/trial-loader.ts'
import type { TrialLoader, TrialModel } from '../../../../src/interfaces.ts'
import { CODEC, CPU, fixture, manifestOf } from '../../support/models.ts'

export const NEVER = new AbortController().signal

/** A loader of trials with no limits but those that are given. */
export function trialLoader(options: Partial<TrialOptions> = {}): TrialLoader {
  return createTrialLoader({
    clock: systemClock,
    timeoutMs: 120_000,
    memoryLimit: () => undefined,
    environment: childEnvironment(),
    engine: CPU,
    codec: CODEC,
    ...options,
  })
}

/** Tries a folder of `test/fixtures/models` out, until the end of the test. */
export async function tryFixture(
  name: string,
  options: Partial<TrialOptions> = {},
  signal: AbortSignal = NEVER,
): Promise<TrialModel> {
  const folder = fixture(name)
  const model = await trialLoader(options).load(folder, manifestOf(folder), signal)
  onTestFinished(() => model.unload())
  return model
}
