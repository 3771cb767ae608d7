import { measureInTurn, type Subject, summarize } from '../load/measure.ts'
import { splitCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { type ModelName, requestBody, sampleRows } from '../models/bench-models.ts'
import { type CaseReport, countOf, type Line } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { SCORING_PATH, TARGETS, type TargetName } from '../servers/targets.ts'
import type { BenchContext, Case } from './case.ts'

/** For rows that a case has no grid for. */
const DEFAULT_CONNECTIONS = [1, 64]

/** Rows a request, and the connection counts to measure them at. */
interface Grid {
  readonly rows: number
  readonly connections: readonly number[]
}

/** A case that puts one model behind several servers, all on one core, the load on another. */
export function httpCase(
  model: ModelName,
  about: string,
  targets: readonly TargetName[],
  grids: readonly Grid[],
): Case {
  return {
    name: model,
    about,
    async run(context) {
      const reports: CaseReport[] = []
      const measured = targets.filter((target) => context.targets?.includes(target) ?? true)
      const chosen = context.rows?.map((rows) => gridOf(grids, rows))
      for (const grid of chosen ?? grids) {
        const { rows } = grid
        const connections = context.connections ?? grid.connections
        reports.push(...(await measureRows(context, model, measured, rows, connections)))
      }
      return reports
    },
  }
}

function gridOf(grids: readonly Grid[], rows: number): Grid {
  return grids.find((grid) => grid.rows === rows) ?? { rows, connections: DEFAULT_CONNECTIONS }
}

async function measureRows(
  context: BenchContext,
  name: ModelName,
  targets: readonly TargetName[],
  rows: number,
  connectionCounts: readonly number[],
): Promise<CaseReport[]> {
  const model = context.models.models[name]
  const data = sampleRows(model, rows)
  const expected = await expectedAnswer(model, data)
  const body = requestBody(model, data)
  const input = { model, registry: context.models.registry, answer: JSON.stringify(expected) }
  const pinning = splitCores()
  const subjects: Subject[] = []
  const reports: CaseReport[] = []
  try {
    for (const target of targets) {
      const server = await ServerProcess.start(TARGETS[target](input), pinning)
      subjects.push({ name: target, server, body, expected: [expected] })
      await server.ready(SCORING_PATH, body)
    }
    for (const connections of connectionCounts) {
      context.progress(`${name}, ${rows} rows, ${connections} connections`)
      const samples = await measureInTurn(subjects, { ...context, pinning, connections })
      const lines: Line[] = subjects.map(({ name: subject }) => ({
        subject,
        figures: summarize(samples.get(subject) ?? [], samples.get('floor')),
      }))
      const title = `${name}: ${countOf(rows, 'row')} a request, ${countOf(connections, 'connection')}`
      reports.push({ name: `${name}-r${rows}-c${connections}`, title, lines })
    }
  } finally {
    for (const { server } of subjects) await server.stop()
  }
  return reports
}
