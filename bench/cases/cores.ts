import { measureInTurn, type Plan, type Sample, type Subject } from '../load/measure.ts'
import { hasProgram, pinnedTo } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { type ModelName, requestBody, sampleRows } from '../models/bench-models.ts'
import { type CaseReport, type Line, median } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { SCORING_PATH, TARGETS } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'

/** The load shares the cores with the server, so a model must take more than the load for a second core to show. */
const SUBJECTS: readonly (readonly [model: ModelName, connections: number])[] = [
  ['iris', 64],
  ['mlp', 64],
  ['image', 8],
]
const ONE_CORE = '0'
const BOTH_CORES = '0,1'

/** Baton with one core beside Baton with two; it sees by its affinity how many it has. */
export const coresCase: Case = {
  name: 'cores',
  about: 'one core against two, the load beside the server',
  async run(context) {
    const title = 'one core against two'
    if (!hasProgram('taskset')) {
      return [{ name: 'cores', title, lines: [], notes: ['Left out: taskset is not installed.'] }]
    }
    const lines: Line[] = []
    for (const [model, connections] of SUBJECTS) {
      context.progress(`cores, ${model}`)
      lines.push(...(await compareCores(context, model, connections)))
    }
    return [{ name: 'cores', title, lines, notes: NOTES } satisfies CaseReport]
  },
}

const NOTES = [
  'The load generator is pinned to the second core: what it takes there the server does not have.',
]

async function compareCores(
  context: BenchContext,
  name: ModelName,
  connections: number,
): Promise<readonly Line[]> {
  const model = context.models.models[name]
  const data = sampleRows(model, 1)
  const expected = await expectedAnswer(model, data)
  const body = requestBody(model, data)
  const input = { model, registry: context.models.registry, answer: '' }
  const subjects: Subject[] = []
  try {
    for (const cores of [ONE_CORE, BOTH_CORES]) {
      const server = await ServerProcess.start(TARGETS.baton(input), {
        server: pinnedTo(cores),
        load: [],
      })
      await server.ready(SCORING_PATH, body)
      subjects.push({ name: cores, server, body, expected: [expected] })
    }
    const plan: Plan = { ...context, connections, pinning: { server: [], load: pinnedTo('1') } }
    const samples = await measureInTurn(subjects, plan)
    return linesOf(name, samples.get(ONE_CORE) ?? [], samples.get(BOTH_CORES) ?? [])
  } finally {
    for (const { server } of subjects) await server.stop()
  }
}

function linesOf(name: ModelName, one: readonly Sample[], two: readonly Sample[]): Line[] {
  const gain = median(two.map(({ rate }, i) => rate / (one[i]?.rate ?? Number.NaN)))
  const of = (samples: readonly Sample[], pick: (sample: Sample) => number) =>
    median(samples.map(pick))
  const line = (subject: string, samples: readonly Sample[], times: number): Line => ({
    subject,
    figures: {
      'requests/s': of(samples, ({ rate }) => rate),
      'x one core': times,
      'cores used': of(samples, ({ rate, cpuUs }) => (rate * cpuUs) / 1e6),
      'CPU us': of(samples, ({ cpuUs }) => cpuUs),
      'p50 ms': of(samples, ({ p50 }) => p50),
      'p99 ms': of(samples, ({ p99 }) => p99),
      failed: samples.reduce((sum, { failed }) => sum + failed, 0),
      wrong: samples.reduce((sum, { wrong }) => sum + wrong, 0),
    },
  })
  return [line(`${name}, one core`, one, 1), line(`${name}, two cores`, two, gain)]
}
