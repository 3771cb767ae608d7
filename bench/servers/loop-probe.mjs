import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

// Imported before a server: says at its end how late a timer of one millisecond came, in milliseconds.
if (isMainThread) {
  const RESOLUTION_MS = 1
  const START_UP_MS = 3000
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delays.enable()
  setTimeout(() => delays.reset(), START_UP_MS).unref()
  process.on('exit', () => {
    const late = (ns) => ns / 1e6 - RESOLUTION_MS
    const figures = {
      'p50 ms': late(delays.percentile(50)),
      'p99 ms': late(delays.percentile(99)),
      'p99.9 ms': late(delays.percentile(99.9)),
      'max ms': late(delays.max),
    }
    writeFileSync(process.env.PROBE_OUT, JSON.stringify(figures))
  })
}
