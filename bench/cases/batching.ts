import { splitCores } from '../machine.ts'
import { checkBodies, expectedAnswer } from '../models/answers.ts'
import { type ModelName, requestBody, sampleRows } from '../models/bench-models.ts'
import type { Line } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton, SCORING_PATH } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'

const MODELS: readonly (readonly [model: ModelName, requests: number])[] = [
  ['iris', 256],
  ['mlp', 256],
  ['image', 24],
]
const REPEATS = 4

/** The same requests, each with other rows and 1 to 3 of them, all at once: with batches, and each alone. */
export const batchingCase: Case = {
  name: 'batching',
  about: 'the largest difference that sharing a batch makes',
  async run(context) {
    const lines: Line[] = []
    for (const [model, requests] of MODELS) {
      context.progress(`batching, ${model}`)
      lines.push(await compareBatching(context, model, requests))
    }
    const notes = [
      'Differences are relative to values above 1. `wrong` counts answers with other rows, order or shape, or further off than 1e-4.',
    ]
    return [{ name: 'batching', title: 'batching on against off', lines, notes }]
  },
}

async function compareBatching(
  context: BenchContext,
  name: ModelName,
  requests: number,
): Promise<Line> {
  const model = context.models.models[name]
  const inputs = Array.from({ length: requests }, (_, i) => sampleRows(model, 1 + (i % 3), i + 1))
  const bodies = inputs.map((data) => requestBody(model, data))
  const alone = (await answersOf(context, name, bodies, ['--batch-max-rows', '1'])).texts
  const together = await answersOf(context, name, bodies, [])
  const reference = await Promise.all(inputs.map((data) => expectedAnswer(model, data)))
  let wrong = 0
  let fromAlone = 0
  let fromReference = 0
  let changed = 0
  for (const [i, text] of together.texts.entries()) {
    const at = i % requests
    const other = JSON.parse(alone[at] ?? '')
    const off = checkBodies([text], [other])
    const offReference = checkBodies([text], reference.slice(at, at + 1))
    wrong += off.wrong + offReference.wrong
    fromAlone = Math.max(fromAlone, off.worst)
    fromReference = Math.max(fromReference, offReference.worst)
    if (text !== alone[at]) changed += 1
  }
  return {
    subject: name,
    figures: {
      answers: together.texts.length,
      'rows a batch': together.rowsABatch,
      wrong,
      'other bytes than alone': changed,
      'largest difference': fromAlone,
      'from ONNX Runtime in process': fromReference,
    },
  }
}

/** Every answer of {@link REPEATS} rounds in the order of the bodies, all of a round sent at once. */
async function answersOf(
  context: BenchContext,
  name: ModelName,
  bodies: readonly string[],
  flags: readonly string[],
): Promise<{ readonly texts: readonly string[]; readonly rowsABatch: number }> {
  const command = baton(context.models.registry, [`models:/${name}@champion`], flags)
  const server = await ServerProcess.start(command, splitCores())
  const texts: string[] = []
  try {
    await server.ready(SCORING_PATH, bodies[0] ?? '')
    for (let round = 0; round < REPEATS; round += 1) {
      const answers = await Promise.all(bodies.map((body) => server.post(SCORING_PATH, body)))
      texts.push(...answers.map(({ status, text }) => (status === 200 ? text : `"${status}"`)))
    }
    const rows = await server.metric('baton_batch_rows_sum')
    return { texts, rowsABatch: rows / (await server.metric('baton_batch_rows_count')) }
  } finally {
    await server.stop()
  }
}
