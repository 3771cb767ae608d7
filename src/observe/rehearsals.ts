import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'
import type { RehearsalParts } from '../serving/gates/rehearsal.ts'
import { summary } from '../serving/rehearsal/report.ts'

/** Counts rehearsals, and writes one line for each. */
export function observeRehearsals(
  metrics: ServingMetrics,
  log: Logger,
): NonNullable<RehearsalParts<unknown>['onReport']> {
  return ({ registered }, report, failures) => {
    const { name: model, version } = registered
    const result = failures.length === 0 ? 'passed' : 'failed'
    metrics.rehearsals.inc({ model, result })
    metrics.rehearsalSeconds.observe({ model }, report.durationMs / 1000)
    const fields = { model, version, duration_ms: Math.round(report.durationMs) }
    log[result === 'passed' ? 'info' : 'warn'](fields, `rehearsal ${result}: ${summary(report)}`)
  }
}
