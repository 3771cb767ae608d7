import type { PoolObserver } from '../engines/pool-observer.ts'
import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'

/** Counts worker threads, and logs those that were lost. */
export function observeWorkers(metrics: ServingMetrics, log: Logger): PoolObserver {
  return {
    workerStarted: () => metrics.workers.inc(),
    workerEnded: (end, message) => {
      metrics.workers.dec()
      if (end === 'closed') return
      metrics.workersLost.inc({ reason: end })
      log.error({ reason: end }, `a worker thread was lost: ${message}`)
    },
    modelsRestored: (restored, failed) => {
      const level = failed > 0 ? 'error' : 'info'
      log[level]({ restored, failed }, 'models of a lost worker were loaded again')
    },
  }
}
