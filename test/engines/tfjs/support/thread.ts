import { Piscina } from 'piscina'

/** Runs a function that a file beside this one exports in a thread of its own, which then ends. */
export async function runInThread<T>(file: string, name: string, argument: unknown): Promise<T> {
  const pool = new Piscina({
    filename: new URL(file, import.meta.url).href,
    name,
    minThreads: 0,
    maxThreads: 1,
    execArgv: ['--import', 'tsx'],
  })
  try {
    return (await pool.run(argument)) as T
  } finally {
    await pool.destroy()
  }
}
