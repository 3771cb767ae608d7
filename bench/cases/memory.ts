import { measure } from '../load/measure.ts'
import { splitCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { type ModelName, requestBody, sampleRows } from '../models/bench-models.ts'
import type { Line } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton, SCORING_PATH } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'

const SUBJECTS: readonly (readonly [model: ModelName, flags: readonly string[]])[] = [
  ['iris', []],
  ['iris', ['--workers', '4']],
  ['mlp', []],
  ['image', []],
]

/** Proportional set size: idle, after load, and a while after that. */
export const memoryCase: Case = {
  name: 'memory',
  about: 'PSS idle, per worker, per model and after load',
  async run(context) {
    const lines: Line[] = []
    for (const [model, flags] of SUBJECTS) {
      context.progress(`memory of ${model} ${flags.join(' ')}`)
      const figures = await memoryOf(context, model, flags)
      lines.push({ subject: [model, ...flags].join(' '), figures })
    }
    const [one, four] = lines.map(({ figures }) => figures['idle MB'] ?? Number.NaN)
    const worker = ((four ?? Number.NaN) - (one ?? Number.NaN)) / 3
    const notes = [
      `A further worker with iris: ${worker.toFixed(1)} MB. A further model: see many-models.`,
    ]
    return [{ name: 'memory', title: 'memory of the process, PSS in MB', lines, notes }]
  },
}

async function memoryOf(
  context: BenchContext,
  name: ModelName,
  flags: readonly string[],
): Promise<Record<string, number>> {
  const { registry, models } = context.models
  const model = models[name]
  const data = sampleRows(model, 1)
  const expected = [await expectedAnswer(model, data)]
  const body = requestBody(model, data)
  const pinning = splitCores()
  const server = await ServerProcess.start(
    baton(registry, [`models:/${name}@champion`], flags),
    pinning,
  )
  try {
    await server.ready(SCORING_PATH, body)
    const idle = server.pssMb()
    const connections = name === 'image' ? 8 : 64
    await measure({ name, server, body, expected }, { ...context, pinning, connections })
    return { 'idle MB': idle, 'after load MB': server.pssMb() }
  } finally {
    await server.stop()
  }
}
