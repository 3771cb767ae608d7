import { splitCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { type ModelName, requestBody, sampleRows } from '../models/bench-models.ts'
import { type Line, median } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { SCORING_PATH, TARGETS, type TargetName } from '../servers/targets.ts'
import type { Case } from './case.ts'

const SUBJECTS: readonly (readonly [TargetName, ModelName])[] = [
  ['floor', 'iris'],
  ['baton', 'iris'],
  ['baton', 'mlp'],
  ['baton', 'image'],
]

/** From starting the process to the first 200 that carries a prediction, files on local disk. */
export const coldStartCase: Case = {
  name: 'cold-start',
  about: 'from process start to the first prediction',
  async run({ models, rounds, progress }) {
    const lines: Line[] = []
    const pinning = splitCores()
    for (const [target, name] of SUBJECTS) {
      progress(`cold start of ${target} with ${name}`)
      const model = models.models[name]
      const data = sampleRows(model, 1)
      const answer = JSON.stringify(await expectedAnswer(model, data))
      const command = TARGETS[target]({ model, registry: models.registry, answer })
      const body = requestBody(model, data)
      const seconds: number[] = []
      const cpu: number[] = []
      for (let round = 0; round < Math.max(rounds, 3); round += 1) {
        const started = performance.now()
        const server = await ServerProcess.start(command, pinning)
        await server.ready(SCORING_PATH, body)
        seconds.push((performance.now() - started) / 1e3)
        cpu.push(server.cpuMs() / 1e3)
        await server.stop()
      }
      const figures = {
        s: median(seconds),
        's at best': Math.min(...seconds),
        'CPU s': median(cpu),
      }
      lines.push({ subject: `${target}, ${name}`, figures })
    }
    return [
      {
        name: 'cold-start',
        title: 'cold start to the first prediction',
        lines,
        notes: ['The floor is run by tsx, which takes most of its time.'],
      },
    ]
  },
}
