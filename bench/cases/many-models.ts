import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { measure } from '../load/measure.ts'
import { splitCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { requestBody, sampleRows } from '../models/bench-models.ts'
import type { Line } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'

const COUNTS = [1, 10, 100] as const
const IDLE_MS = 5000

/** Many small models in one process: what the next one costs, and whether they leave each other alone. */
export const manyModelsCase: Case = {
  name: 'many-models',
  about: '1, 10 and 100 small models in one process',
  async run(context) {
    const lines: Line[] = []
    const { registry } = context.models
    const names = Array.from({ length: Math.max(...COUNTS) }, (_, i) => `small-${i}`)
    for (const name of names) {
      await cp(join(registry, 'iris'), join(registry, name), { recursive: true })
    }
    for (const count of COUNTS) {
      context.progress(`${count} models`)
      lines.push({
        subject: count === 1 ? '1 model' : `${count} models`,
        figures: await measureModels(context, names.slice(0, count)),
      })
    }
    return [{ name: 'many-models', title: 'many small models in one process', lines }]
  },
}

async function measureModels(
  context: BenchContext,
  names: readonly string[],
): Promise<Record<string, number>> {
  const { registry, models } = context.models
  const data = sampleRows(models.iris, 1)
  const expected = [await expectedAnswer(models.iris, data)]
  const body = requestBody(models.iris, data)
  const pinning = splitCores()
  const started = performance.now()
  const uris = names.map((name) => `models:/${name}@champion`)
  const server = await ServerProcess.start(baton(registry, uris), pinning)
  const path = (name: string) => `/models/${name}/invocations`
  try {
    for (const name of names) await server.ready(path(name), body)
    const upS = (performance.now() - started) / 1e3
    const idleMb = server.pssMb()
    const cpuBefore = server.cpuMs()
    await sleep(IDLE_MS)
    const idleCpu = ((server.cpuMs() - cpuBefore) / IDLE_MS) * 100
    const plan = { ...context, pinning, connections: 1 }
    const first = names[0] ?? ''
    const alone = await measure({ name: first, server, body, expected, path: path(first) }, plan)
    const busy = await allBusy(context, server, names.slice(0, 10).map(path), body)
    return {
      'up s': upS,
      'idle MB': idleMb,
      'idle CPU %': idleCpu,
      'p50 ms of one': alone.p50,
      'least share of ten': Math.min(...busy) / Math.max(...busy),
    }
  } finally {
    await server.stop()
  }
}

/** Requests answered a model while all have the same load. */
async function allBusy(
  context: BenchContext,
  server: ServerProcess,
  paths: readonly string[],
  body: string,
): Promise<number[]> {
  const end = performance.now() + context.seconds * 1e3
  return Promise.all(
    paths.map(async (path) => {
      let answers = 0
      while (performance.now() < end) {
        const { status } = await server.post(path, body)
        if (status === 200) answers += 1
      }
      return answers
    }),
  )
}
