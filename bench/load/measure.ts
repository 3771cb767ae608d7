import type { Pinning } from '../machine.ts'
import { type Answer, checkBodies } from '../models/answers.ts'
import { median } from '../report/report.ts'
import type { ServerProcess } from '../servers/server-process.ts'
import { SCORING_PATH } from '../servers/targets.ts'
import { type LoadName, loadNamed } from './load.ts'

/** A server that runs, and what it must answer. */
export interface Subject {
  readonly name: string
  readonly server: ServerProcess
  readonly body: string
  readonly expected: readonly Answer[]
  readonly path?: string
}

export interface Plan {
  readonly load: LoadName
  readonly pinning: Pinning
  readonly connections: number
  readonly seconds: number
  readonly rounds: number
}

/** One measurement of one subject. */
export interface Sample {
  readonly rate: number
  readonly p50: number
  readonly p99: number
  /** CPU time of the server a request, in microseconds: steadier than the rate where others use the machine. */
  readonly cpuUs: number
  readonly failed: number
  readonly wrong: number
  readonly worst: number
}

/** V8 has compiled what is hot after about so many requests; a slow model gets no longer than the rounds. */
const WARM_UP_REQUESTS = 20_000
const WARM_UP_ROUNDS = 6

/** Measures the subjects in turn, every second round backwards, so that a drift of the machine meets all alike. */
export async function measureInTurn(
  subjects: readonly Subject[],
  plan: Plan,
): Promise<ReadonlyMap<string, readonly Sample[]>> {
  const samples = new Map(subjects.map(({ name }) => [name, [] as Sample[]]))
  for (const subject of subjects) await warmUp(subject, plan)
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      samples.get(subject.name)?.push(await measure(subject, plan))
    }
  }
  return samples
}

async function warmUp(subject: Subject, plan: Plan): Promise<void> {
  let requests = 0
  for (let i = 0; i < WARM_UP_ROUNDS && requests < WARM_UP_REQUESTS; i += 1) {
    requests += (await measure(subject, { ...plan, seconds: 1 })).rate
  }
}

export async function measure(subject: Subject, plan: Plan): Promise<Sample> {
  const { server, body, expected } = subject
  const cpuBefore = server.cpuMs()
  const result = await loadNamed(plan.load)({
    url: server.url + (subject.path ?? SCORING_PATH),
    body,
    connections: plan.connections,
    seconds: plan.seconds,
    pin: plan.pinning.load,
  })
  const cpuMs = server.cpuMs() - cpuBefore
  const { wrong, worst } = checkBodies(result.bodies, expected)
  return {
    rate: result.requests / result.seconds,
    p50: result.p50,
    p99: result.p99,
    cpuUs: (cpuMs * 1e3) / result.requests,
    failed: result.failed,
    wrong,
    worst,
  }
}

/** Medians over the rounds, and medians of the ratios to the floor of the same round. */
export function summarize(
  samples: readonly Sample[],
  floor: readonly Sample[] | undefined,
): Record<string, number> {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick))
  const total = (pick: (sample: Sample) => number) =>
    samples.reduce((sum, sample) => sum + pick(sample), 0)
  const toFloor = (pick: (sample: Sample, base: Sample) => number) =>
    median(samples.flatMap((sample, i) => (floor?.[i] ? [pick(sample, floor[i])] : [])))
  return {
    'requests/s': of(({ rate }) => rate),
    'x floor': toFloor(({ rate }, base) => rate / base.rate),
    'x floor by CPU': toFloor(({ cpuUs }, base) => base.cpuUs / cpuUs),
    'x floor by best CPU': leastCpu(floor ?? []) / leastCpu(samples),
    'CPU us': of(({ cpuUs }) => cpuUs),
    'p50 ms': of(({ p50 }) => p50),
    'p99 ms': of(({ p99 }) => p99),
    failed: total(({ failed }) => failed),
    wrong: total(({ wrong }) => wrong),
    'largest difference': Math.max(...samples.map(({ worst }) => worst)),
  }
}

/** Whatever else runs on the machine only adds to the time. */
function leastCpu(samples: readonly Sample[]): number {
  return Math.min(...samples.map(({ cpuUs }) => cpuUs))
}
