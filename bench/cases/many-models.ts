import { setTimeout as sleep } from 'node:timers/promises'
import { splitCores } from '../machine.ts'
import { requestBody, sampleRows } from '../models/bench-models.ts'
import { countOf, type Line } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'
import { addSmallModels, smallModelPath, smallModelUri } from './small-models.ts'

const COUNTS = [1, 10, 100] as const
/** V8 gives back what the start took, and compiles no more. */
const SETTLE_MS = 12_000
const IDLE_MS = 30_000

/** Many small models in one process: what the next one costs. Whether they leave each other alone: `fairness`. */
export const manyModelsCase: Case = {
  name: 'many-models',
  about: '1, 10 and 100 small models in one process',
  async run(context) {
    const lines: Line[] = []
    const { names, remove } = await addSmallModels(context.models, Math.max(...COUNTS))
    try {
      let first: number | undefined
      for (const count of COUNTS) {
        context.progress(countOf(count, 'model'))
        const found = await measureModels(context, names.slice(0, count))
        first ??= found.idleMb
        lines.push({
          subject: countOf(count, 'model'),
          figures: {
            'up s': found.upS,
            'idle MB': found.idleMb,
            'MB each further one': (found.idleMb - first) / (count - 1),
            'idle CPU %': found.idleCpu,
          },
        })
      }
    } finally {
      await remove()
    }
    const notes = ['`up s` is until every model has answered a request, from the process start.']
    return [{ name: 'many-models', title: 'many small models in one process', lines, notes }]
  },
}

async function measureModels(
  context: BenchContext,
  names: readonly string[],
): Promise<{ readonly upS: number; readonly idleMb: number; readonly idleCpu: number }> {
  const { registry, models } = context.models
  const body = requestBody(models.iris, sampleRows(models.iris, 1))
  const started = performance.now()
  const server = await ServerProcess.start(baton(registry, names.map(smallModelUri)), splitCores())
  try {
    for (const name of names) await server.ready(smallModelPath(name), body)
    const upS = (performance.now() - started) / 1e3
    await sleep(SETTLE_MS)
    const cpuBefore = server.cpuMs()
    await sleep(IDLE_MS)
    return {
      upS,
      idleMb: server.pssMb(),
      idleCpu: ((server.cpuMs() - cpuBefore) / IDLE_MS) * 100,
    }
  } finally {
    await server.stop()
  }
}
