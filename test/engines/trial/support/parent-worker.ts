/** Tries the fixture `slow` out, prints the id of that process, and runs the model for so many counts until it is killed. */
import { systemClock } from '../../../../src/clock.ts'
import { createTrialLoader } from '../../../../src/engines/trial/trial-loader.ts'
import { CODEC, CPU, fixture, manifestOf } from '../../support/models.ts'
import { trialPid } from './processes.ts'

const loader = createTrialLoader({
  clock: systemClock,
  timeoutMs: 120_000,
  memoryLimit: () => undefined,
  environment: {},
  engine: CPU,
  codec: CODEC,
})
const folder = fixture('slow')
const model = await loader.load(folder, manifestOf(folder), new AbortController().signal)
const data = BigInt64Array.of(BigInt(process.argv[2] ?? 1))
const running = model.run({ count: { dtype: 'int64', shape: [1], data } })
process.stdout.write(`${trialPid()}\n`)
await running
// The channel to the other process keeps this one alive.
