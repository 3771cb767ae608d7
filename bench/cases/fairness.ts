import { measure, type Plan } from '../load/measure.ts'
import { splitCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { requestBody, sampleRows } from '../models/bench-models.ts'
import { type Line, median } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'
import { addSmallModels, smallModelPath, smallModelUri } from './small-models.ts'

const MODELS = 100
/** Clients of the greedy model while every other has one. */
const GREEDY_CLIENTS = 32

/** Whether models in one process leave each other alone: one while the others idle, and all while all are busy. */
export const fairnessCase: Case = {
  name: 'fairness',
  about: 'latency beside 99 idle models, and the shares while all are busy',
  async run(context) {
    const { names, remove } = await addSmallModels(context.models, MODELS)
    try {
      const alone = await latency(context, names.slice(0, 1))
      const { p50, p99, shares } = await latency(context, names)
      const lines: Line[] = [
        { subject: '1 model, 1 connection', figures: { 'p50 ms': alone.p50, 'p99 ms': alone.p99 } },
        { subject: `${MODELS} models, 1 busy`, figures: { 'p50 ms': p50, 'p99 ms': p99 } },
        { subject: `${MODELS} models, all busy alike`, figures: shares.alike },
        {
          subject: `${MODELS} models, one with ${GREEDY_CLIENTS} clients`,
          figures: shares.greedy,
        },
      ]
      const notes = [
        'Shares are answers a client of each model, as a part of the median; the greedy model is left out of its line but for `greedy share`, ' +
          'the part of all answers that its clients had.',
      ]
      return [{ name: 'fairness', title: 'many small models beside each other', lines, notes }]
    } finally {
      await remove()
    }
  },
}

interface Found {
  readonly p50: number
  readonly p99: number
  readonly shares: {
    readonly alike: Record<string, number>
    readonly greedy: Record<string, number>
  }
}

async function latency(context: BenchContext, names: readonly string[]): Promise<Found> {
  const { models, registry } = context.models
  const data = sampleRows(models.iris, 1)
  const expected = [await expectedAnswer(models.iris, data)]
  const body = requestBody(models.iris, data)
  const pinning = splitCores()
  const server = await ServerProcess.start(baton(registry, names.map(smallModelUri)), pinning)
  try {
    const paths = names.map(smallModelPath)
    for (const path of paths) await server.ready(path, body)
    const plan: Plan = { ...context, pinning, connections: 1 }
    const subject = { name: 'one', server, body, expected, path: paths[0] ?? '' }
    await measure(subject, plan)
    const samples = []
    for (let round = 0; round < context.rounds; round += 1)
      samples.push(await measure(subject, plan))
    const alike = await busy(context, server, paths, body, () => 1)
    const greedy = await busy(context, server, paths, body, (i) => (i === 0 ? GREEDY_CLIENTS : 1))
    const [most = 0, ...others] = greedy
    return {
      p50: median(samples.map((sample) => sample.p50)),
      p99: median(samples.map((sample) => sample.p99)),
      shares: {
        alike: shareFigures(alike),
        greedy: {
          ...shareFigures(others),
          'greedy share': most / greedy.reduce((sum, count) => sum + count, 0),
        },
      },
    }
  } finally {
    await server.stop()
  }
}

function shareFigures(answers: readonly number[]): Record<string, number> {
  const middle = median(answers)
  return {
    'least share': Math.min(...answers) / middle,
    'largest share': Math.max(...answers) / middle,
    'answers of each': middle,
  }
}

/** Requests answered for each model while its clients ask without pause. */
async function busy(
  context: BenchContext,
  server: ServerProcess,
  paths: readonly string[],
  body: string,
  clientsOf: (index: number) => number,
): Promise<number[]> {
  const end = performance.now() + Math.max(context.seconds, 3) * 1e3
  return Promise.all(
    paths.map(async (path, index) => {
      let answers = 0
      const client = async () => {
        while (performance.now() < end) {
          if ((await server.post(path, body)).status === 200) answers += 1
        }
      }
      await Promise.all(Array.from({ length: clientsOf(index) }, client))
      return answers
    }),
  )
}
