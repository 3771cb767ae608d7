import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measure } from '../load/measure.ts'
import { allCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { requestBody, sampleRows } from '../models/bench-models.ts'
import { countOf, type Line } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton, SCORING_PATH } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'

const PROBE = fileURLToPath(new URL('../servers/loop-probe.mjs', import.meta.url))

/** Where runs use every core, a timer comes late because no core is free for it: that is no turn that took long. */
const ONE_RUN = ['--workers', '1', '--intra-op-threads', '1'] as const

const SUBJECTS: readonly (readonly [connections: number, flags: readonly string[]])[] = [
  [1, []],
  [8, []],
  [1, ONE_RUN],
]

/** How late timers of Baton's event loop come while images come as JSON. */
export const stallCase: Case = {
  name: 'stall',
  about: 'turns of the event loop while a megabyte of JSON is read',
  async run(context) {
    const lines: Line[] = []
    for (const [connections, flags] of SUBJECTS) {
      context.progress(`stall, ${connections} connections`)
      const figures = await delaysOf(context, connections, flags)
      lines.push({ subject: [countOf(connections, 'connection'), ...flags].join(' '), figures })
    }
    const notes = [
      'The last line leaves a core to the event loop. In the others a timer waits for a core while runs have both.',
    ]
    return [
      { name: 'stall', title: 'delay of timers in the event loop, image as JSON', lines, notes },
    ]
  },
}

async function delaysOf(
  context: BenchContext,
  connections: number,
  flags: readonly string[],
): Promise<Record<string, number>> {
  const { registry, models } = context.models
  const data = sampleRows(models.image, 1)
  const expected = [await expectedAnswer(models.image, data)]
  const body = requestBody(models.image, data)
  const file = join(tmpdir(), `baton-stall-${process.pid}.json`)
  const command = baton(registry, ['models:/image@champion'], flags)
  const server = await ServerProcess.start(
    { args: ['--import', PROBE, ...command.args], env: { ...command.env, PROBE_OUT: file } },
    allCores(),
  )
  await server.ready(SCORING_PATH, body)
  const subject = { name: 'baton', server, body, expected }
  await measure(subject, { ...context, pinning: allCores(), connections })
  await server.stop()
  const delays = JSON.parse(await readFile(file, 'utf8')) as Record<string, number>
  await rm(file)
  return delays
}
