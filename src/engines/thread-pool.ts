import { Piscina } from 'piscina'
import { FILE_EXTENSION, NODE_FLAGS } from './build-form.ts'

/** Address of a file of task functions, such as `onnx-worker`. */
export function taskFile(name: string): string {
  return new URL(`./${name}.${FILE_EXTENSION}`, import.meta.url).href
}

/** A Piscina pool of one thread, which starts with its first task. */
export function createThreadPool(): Piscina {
  // The Linux builds report each session over HTTPS since 1.29. The native library reads the process's own
  // environment as it loads, so a worker, which has a copy, cannot say this.
  // biome-ignore lint/style/noProcessEnv: written, not read
  process.env.ORT_DISABLE_TELEMETRY = '1'
  return new Piscina({
    filename: taskFile('worker'),
    // No minimum: Piscina would replace a thread that exits by one that knows no models.
    minThreads: 0,
    maxThreads: 1,
    concurrentTasksPerWorker: 1,
    // Without it a task that finds the worker busy goes to the end of the queue, before which it stood.
    stricterFIFO: true,
    idleTimeout: Number.POSITIVE_INFINITY,
    // Measured, iris with 1 and 32 rows: 66 and 69 us there and back; 69 and 72 with 'sync', 70 and 73 with 'async'.
    atomics: 'disabled',
    recordTiming: false,
    execArgv: [...NODE_FLAGS],
  })
}
