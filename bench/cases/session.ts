import { InferenceSession, Tensor } from 'onnxruntime-node'
import { sampleRows } from '../models/bench-models.ts'
import { countOf, type Line, median } from '../report/report.ts'
import type { Case } from './case.ts'

const BATCHES = [1, 8, 32, 128] as const
/** However long one takes. */
const LEAST_RUNS = 3

/** `session.run` alone, in this process, one thread: what no server of the model can beat. */
export const sessionCase: Case = {
  name: 'session',
  about: 'raw session.run by rows a call',
  async run({ models, seconds, progress }) {
    const lines: Line[] = []
    for (const model of Object.values(models.models)) {
      const session = await InferenceSession.create(model.onnxFile, { intraOpNumThreads: 1 })
      const input = session.inputNames[0] ?? ''
      for (const rows of BATCHES) {
        progress(`session.run ${model.name} ${rows}`)
        const shape = [rows, ...model.shape]
        const feeds = { [input]: new Tensor('float32', sampleRows(model, rows), shape) }
        const times: number[] = []
        const end = performance.now() + Math.min(seconds, 2) * 1e3
        while (times.length < LEAST_RUNS || performance.now() < end) {
          const started = performance.now()
          await session.run(feeds)
          times.push(performance.now() - started)
        }
        const p50 = median(times) * 1e3
        lines.push({
          subject: `${model.name}, ${countOf(rows, 'row')}`,
          figures: { 'p50 us': p50, 'us a row': p50 / rows },
        })
      }
      await session.release()
    }
    return [{ name: 'session', title: 'session.run in process, one thread', lines }]
  },
}
