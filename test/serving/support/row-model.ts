import { ServingError } from '../../../src/errors.ts'
import type { LoadedModel, LoadedModelInfo } from '../../../src/interfaces.ts'
import type { NamedTensors, Tensor, TensorSpec } from '../../../src/model/tensor.ts'

/** Inputs and outputs whose leading dimension is free. */
const FREE: readonly TensorSpec[] = [{ name: 'x', dtype: 'float32', shape: [-1, 2] }]

export interface RowModelOptions {
  readonly parallelism?: number
  readonly inputs?: readonly TensorSpec[]
  readonly outputs?: readonly TensorSpec[]
  /** What a run answers; by default each input comes back under its own name. */
  readonly answer?: (feeds: NamedTensors) => NamedTensors
}

/** A run that waits for the test. */
export interface HeldRun {
  readonly feeds: NamedTensors
  /** Lets it answer. */
  readonly finish: () => void
  readonly fail: (error: ServingError) => void
}

/** A loaded model of the test's own making, which records its runs and may hold them. */
export class RowModel implements Pick<LoadedModel, 'info' | 'parallelism' | 'run'> {
  readonly parallelism: number
  readonly info: LoadedModelInfo
  /** Feeds of every run, in order. */
  readonly runs: NamedTensors[] = []
  /** Runs that wait: only while `holding`. */
  readonly held: HeldRun[] = []
  holding = false
  /** Runs in flight at once, at most. */
  mostInFlight = 0
  readonly #answer: (feeds: NamedTensors) => NamedTensors
  #inFlight = 0

  constructor(options: RowModelOptions = {}) {
    this.parallelism = options.parallelism ?? 1
    this.info = {
      engine: 'row-model',
      inputs: options.inputs ?? FREE,
      outputs: options.outputs ?? FREE,
      loadMs: 0,
      warmupMs: undefined,
    }
    this.#answer = options.answer ?? ((feeds) => feeds)
  }

  async run(feeds: NamedTensors): Promise<NamedTensors> {
    this.runs.push(feeds)
    this.#inFlight += 1
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight)
    try {
      if (this.holding) await this.#hold(feeds)
      return this.#answer(feeds)
    } finally {
      this.#inFlight -= 1
    }
  }

  /** Rows of every run, by its first input. */
  get rowsOfRuns(): (number | undefined)[] {
    return this.runs.map((feeds) => Object.values(feeds)[0]?.shape[0])
  }

  #hold(feeds: NamedTensors): Promise<void> {
    return new Promise((resolve, reject) => {
      this.held.push({ feeds, finish: resolve, fail: reject })
    })
  }
}

/** Rows of two numbers each, every number telling which request and row it belongs to. */
export function rows(request: number, count: number): NamedTensors {
  const data = new Float32Array(count * 2)
  for (let i = 0; i < data.length; i += 1) data[i] = request * 1_000 + i
  return { x: { dtype: 'float32', shape: [count, 2], data } }
}

/** The numbers of a tensor, whatever memory they lie in. */
export function values(tensor: Tensor | undefined): (number | bigint | string)[] {
  return tensor === undefined ? [] : [...tensor.data]
}

/** The failure of a run that the model itself reports. */
export function modelFailed(message = 'a bad row'): ServingError {
  return new ServingError('MODEL_FAILED', message)
}
