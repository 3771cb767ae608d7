import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { ServingEvents } from '../serving/events.ts'
import type { Comparison } from '../serving/probation/probation.ts'

/** A download gets a line this often at most. */
const PROGRESS_MS = 5000

/** Writes one line for each event of a version's life. */
export function logEvents(events: ServingEvents, log: Logger, clock: Clock): void {
  events.on('version', ({ model, version, state, from, durationMs, reason, code }) => {
    const fields = { model, version, state, from, duration_ms: Math.round(durationMs) }
    if (state === 'failed') {
      log.error({ ...fields, stage: from, error_code: code }, `version failed: ${reason}`)
    } else {
      log.info(fields, `version ${state}: ${reason}`)
    }
  })
  events.on('swap', ({ model, ref, from, to, durationMs, result, reason }) => {
    const fields = { model, ref, from, to, duration_ms: Math.round(durationMs), result }
    log[result === 'failed' ? 'error' : 'info'](fields, `hand-over ${result}: ${reason}`)
  })
  events.on(
    'probation',
    ({ model, ref, version, previous, state, durationMs, reason, figures }) => {
      const fields = { model, ref, version, previous, state, duration_ms: Math.round(durationMs) }
      const level = state === 'taken_back' ? 'error' : state === 'skipped' ? 'warn' : 'info'
      log[level]({ ...fields, figures: numbers(figures) }, `probation ${state}: ${reason}`)
    },
  )
  events.on('pin', ({ model, ref, version, action, by, reason }) => {
    log.warn({ model, ref, version, by }, `reference ${action}: ${reason}`)
  })
  let toldAt = clock.monotonic()
  events.on('download', ({ model, version, progress }) => {
    if (clock.monotonic() - toldAt < PROGRESS_MS) return
    toldAt = clock.monotonic()
    const { files, filesDone, bytes, bytesDone } = progress
    const fields = { model, version, files, files_done: filesDone, bytes, bytes_done: bytesDone }
    log.info(fields, 'downloading')
  })
  events.on('drain', ({ model, version, durationMs, cutRequests }) => {
    const fields = { model, version, duration_ms: Math.round(durationMs) }
    if (cutRequests > 0) {
      log.warn({ ...fields, cut_requests: cutRequests }, 'requests outlasted the drain timeout')
    }
  })
}

/** The figures of the version and of the one before, as a log has them. */
function numbers(figures: Comparison): object {
  const [version, previous] = [figures.version, figures.previous].map((sample) => ({
    requests: sample.requests,
    failed: sample.failed,
    median_run_ms: sample.medianRunMs,
    mean_run_ms: sample.meanRunMs,
  }))
  return { version, previous }
}
