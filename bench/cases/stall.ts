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
import type { Case } from './case.ts'

const PROBE = fileURLToPath(new URL('../servers/loop-probe.mjs', import.meta.url))

/** How long a turn of Baton's event loop takes in CPU time while images come as JSON. */
export const stallCase: Case = {
  name: 'stall',
  about: 'turns of the event loop while a megabyte of JSON is read',
  async run(context) {
    const { registry, models } = context.models
    const lines: Line[] = []
    for (const connections of [1, 8]) {
      context.progress(`stall, ${connections} connections`)
      const data = sampleRows(models.image, 1)
      const expected = [await expectedAnswer(models.image, data)]
      const body = requestBody(models.image, data)
      const file = join(tmpdir(), `baton-stall-${process.pid}.json`)
      const command = baton(registry, ['models:/image@champion'])
      const server = await ServerProcess.start(
        { args: ['--import', PROBE, ...command.args], env: { ...command.env, PROBE_OUT: file } },
        allCores(),
      )
      await server.ready(SCORING_PATH, body)
      const subject = { name: 'baton', server, body, expected }
      await measure(subject, { ...context, pinning: allCores(), connections })
      await server.stop()
      const turns = JSON.parse(await readFile(file, 'utf8')) as Record<string, number>
      await rm(file)
      lines.push({ subject: countOf(connections, 'connection'), figures: turns })
    }
    return [{ name: 'stall', title: 'delay of timers in the event loop, image as JSON', lines }]
  },
}
