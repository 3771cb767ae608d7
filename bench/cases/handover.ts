import { setTimeout as sleep } from 'node:timers/promises'
import { measure, type Sample } from '../load/measure.ts'
import { splitCores } from '../machine.ts'
import { expectedAnswer } from '../models/answers.ts'
import { requestBody, sampleRows, setAlias } from '../models/bench-models.ts'
import { type Line, median } from '../report/report.ts'
import { ServerProcess } from '../servers/server-process.ts'
import { baton, SCORING_PATH } from '../servers/targets.ts'
import type { Case } from './case.ts'

const SWAP_EVERY_MS = 2000

/** The alias moves every two seconds under load; an answer of either version is right, a lost one is not. */
export const handoverCase: Case = {
  name: 'handover',
  about: 'the alias moves every two seconds at 64 connections',
  async run(context) {
    const { registry, models } = context.models
    const model = models.iris
    const data = sampleRows(model, 1)
    const other = { ...model, onnxFile: `${registry}/iris/2/model.onnx` }
    const expected = await Promise.all([model, other].map((one) => expectedAnswer(one, data)))
    const body = requestBody(model, data)
    const pinning = splitCores()
    const server = await ServerProcess.start(
      baton(registry, ['models:/iris@champion'], ['--poll-interval', '200ms']),
      pinning,
    )
    const steady: Sample[] = []
    const swapping: Sample[] = []
    let swaps = 0
    let swapped = 0
    try {
      await server.ready(SCORING_PATH, body)
      const subject = { name: 'baton', server, body, expected }
      const seconds = Math.max(context.seconds, 5)
      const plan = { ...context, seconds, pinning, connections: 64 }
      await measure(subject, plan)
      for (let round = 0; round < context.rounds; round += 1) {
        context.progress(`handover, round ${round + 1}`)
        steady.push(await measure(subject, plan))
        const stop = new AbortController()
        const swapper = swapUntil(registry, stop.signal)
        swapping.push(await measure(subject, plan))
        stop.abort()
        swaps += await swapper
      }
      swapped = await server.metric('baton_swaps_total', 'result="swapped"')
    } finally {
      await server.stop()
      await setAlias(registry, 'iris', '1')
    }
    return [
      {
        name: 'handover',
        title: 'hand-over every two seconds, iris, 64 connections',
        lines: [line('steady', steady), line('handing over', swapping)],
        notes: [
          `The alias moved ${swaps} times, and ${swapped} hand-overs were made, the first load included. Beside steady, p99 in each round was ${ratios(swapping, steady)}.`,
        ],
      },
    ]
  },
}

/** The p99 of each round beside that of the same round's steady load. */
function ratios(swapping: readonly Sample[], steady: readonly Sample[]): string {
  const times = swapping.map(({ p99 }, i) => p99 / (steady[i]?.p99 ?? Number.NaN))
  return times.map((value) => `${value.toFixed(2)} times`).join(', ')
}

/** Moves the alias to and fro; returns how often. */
async function swapUntil(registry: string, signal: AbortSignal): Promise<number> {
  let swaps = 0
  while (!signal.aborted) {
    swaps += 1
    await setAlias(registry, 'iris', swaps % 2 === 1 ? '2' : '1')
    await sleep(SWAP_EVERY_MS, undefined, { signal }).catch(() => {})
  }
  return swaps
}

function line(subject: string, samples: readonly Sample[]): Line {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick))
  const total = (pick: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0)
  return {
    subject,
    figures: {
      'requests/s': of(({ rate }) => rate),
      'p50 ms': of(({ p50 }) => p50),
      'p99 ms': of(({ p99 }) => p99),
      lost: total(({ failed }) => failed),
      wrong: total(({ wrong }) => wrong),
    },
  }
}
