import type { ServingMetrics } from '../metrics.ts'
import type { ServingEvents } from '../serving/events.ts'

/** Counts what happens to versions and batches. */
export function countEvents(events: ServingEvents, metrics: ServingMetrics): void {
  const downloaded = new Map<string, number>()
  events.on('version', ({ model, version, state }) => {
    if (state === 'closed' || state === 'failed') {
      metrics.versionClosed(model, version)
      downloaded.delete(`${model} ${version}`)
    }
  })
  events.on('swap', ({ model, result, durationMs }) => {
    metrics.swaps.inc({ model, result })
    if (result === 'swapped') metrics.swapSeconds.observe({ model }, durationMs / 1000)
  })
  events.on('drain', ({ model, cutRequests }) => {
    if (cutRequests > 0) metrics.drainForced.inc({ model }, cutRequests)
  })
  events.on('trial', ({ model, durationMs, code }) => {
    metrics.trials.inc({ model, result: code ?? 'passed' })
    metrics.trialSeconds.observe({ model }, durationMs / 1000)
  })
  events.on('probation', ({ model, state }) => {
    if (state === 'taken_back') metrics.takenBack.inc({ model })
  })
  events.on('batch', ({ model, version, reason, rows }) => {
    const recorder = metrics.version(model, version)
    recorder.batched(reason, rows)
    recorder.rows.value += rows
  })
  events.on('download', ({ model, version, progress }) => {
    const key = `${model} ${version}`
    const before = downloaded.get(key) ?? 0
    downloaded.set(key, progress.bytesDone)
    // A second attempt starts from nothing again.
    const more = progress.bytesDone - before
    metrics.downloadBytes.inc({ model }, more >= 0 ? more : progress.bytesDone)
  })
}
