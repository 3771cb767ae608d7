import { ServingError } from '../../../src/errors.ts'
import { type HeldStep, ManualServing, version } from './manual-serving.ts'

export const v1 = version('iris', 1)
export const v2 = version('iris', 2)
export const v3 = version('iris', 3)

/** One row of two numbers. */
export function oneRow() {
  const data = Float32Array.of(1, 2)
  return { x: { dtype: 'float32', shape: [1, 2], data } } as const
}

export function codeOf(action: () => unknown): string {
  try {
    action()
    return 'no error'
  } catch (error) {
    return ServingError.from(error).code
  }
}

export function loadFailed(message = 'the file is corrupt'): ServingError {
  return new ServingError('LOAD_FAILED', message)
}

/** Version 1 serves as champion. */
export async function servingV1(...args: ConstructorParameters<typeof ManualServing>) {
  const serving = new ManualServing(...args)
  await serving.set('iris', { champion: v1 })
  return serving
}

/** Version 1 serves, version 2 is wanted and its load waits for the test. */
export async function loadingV2(): Promise<{
  serving: ManualServing
  load: HeldStep
  done: Promise<void>
}> {
  const serving = await servingV1()
  const load = serving.loads.hold(v2.source)
  const done = serving.set('iris', { champion: v2 })
  await load.begun
  return { serving, load, done }
}
