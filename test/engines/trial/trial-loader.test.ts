import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { ServingError } from '../../../src/errors.ts'
import { ManualClock } from '../../manual-clock.ts'
import { CPU, manifestOf, plainManifest, temporaryFolder } from '../support/models.ts'
import { ONNX_TYPES, writeOnnx } from '../support/onnx-file.ts'
import { count, rows } from '../support/pool.ts'
import { openFiles, trialPid, trialPids } from './support/processes.ts'
import { NEVER, trialLoader, tryFixture } from './support/trials.ts'

/** A process starts in 100 ms from a build, and in a second or more from source on a busy machine. */
const PATIENCE = { timeout: 30_000, interval: 5 }
const SECONDS = 60_000

/** About an hour: the model counts a microsecond a count. */
const FOR_EVER = 3_600_000_000

const MIB = 2 ** 20

afterEach(() => expect(trialPids()).toEqual([]))

/** Resolves to the id of the process of the trial that has just been begun. */
const started = () => vi.waitFor(() => trialPid(), PATIENCE)

describe('a trial', () => {
  it('loads a model, warms it up and runs it, in another process', {
    timeout: SECONDS,
  }, async () => {
    const model = await tryFixture('affine-2')
    expect(model.info).toMatchObject({
      engine: 'onnxruntime',
      inputs: [{ name: 'x', dtype: 'float32' }],
      warmupMs: expect.any(Number),
    })
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({
      y: { dtype: 'float32', shape: [1, 2], data: Float32Array.of(2, 2) },
    })
    expect(trialPid()).not.toBe(process.pid)
    await model.unload()
  })

  it('tells what the model took', { timeout: SECONDS }, async () => {
    const model = await tryFixture('affine-1')
    const figures = model.figures()
    expect(figures.loadMs).toBeGreaterThan(0)
    expect(figures.runMs).toBeLessThan(figures.totalMs)
    expect(figures.memoryBytes).toBeGreaterThan(MIB)
    expect(figures.peakMemoryBytes).toBeGreaterThanOrEqual(figures.memoryBytes ?? Number.NaN)
    await model.unload()
  })

  it('reads, runs and writes a whole request', { timeout: SECONDS }, async () => {
    const model = await tryFixture('affine-1')
    const body = new TextEncoder().encode('{"inputs": {"x": [[0, 0, 0, 0]]}}')
    const answer = await model.invoke?.('application/json', body)
    expect(new TextDecoder().decode(answer?.body)).toBe('{"predictions": {"y": [[1.0, 1.0]]}}')
    await model.unload()
  })

  it('carries text both ways', { timeout: SECONDS }, async () => {
    const model = await tryFixture('strings')
    const text = { dtype: 'string', shape: [2], data: ['größer', ''] } as const
    expect(await model.run({ text })).toEqual({ same: text })
    await model.unload()
  })

  it('gives way to what serves, and knows nothing of its environment', {
    timeout: SECONDS,
  }, async () => {
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
    onTestFinished(() => void vi.unstubAllEnvs())
    const model = await tryFixture('affine-1')
    const pid = trialPid()
    expect(getPriority(pid)).toBe(constants.priority.PRIORITY_BELOW_NORMAL)
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('secret')
    expect(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim()).toBe('1000')
    await model.unload()
  })

  it('leaves no process and no open file behind', { timeout: SECONDS }, async () => {
    await (await tryFixture('affine-1')).unload()
    const before = openFiles()
    for (let n = 0; n < 3; n += 1) await (await tryFixture('affine-1')).unload()
    expect(trialPids()).toEqual([])
    expect(openFiles()).toBe(before)
  })

  it('runs a TensorFlow.js model', { timeout: SECONDS }, async () => {
    const folder = fileURLToPath(new URL('../../../models/optical-digits/1', import.meta.url))
    const model = await trialLoader().load(folder, manifestOf(folder), NEVER)
    expect(model.info).toMatchObject({ engine: 'tfjs', backend: 'wasm' })
    await model.unload()
  })
})

describe('a model that', () => {
  it('cannot be loaded fails with the words of the engine', { timeout: SECONDS }, async () => {
    const loading = tryFixture('sequence-output')
    await expect(loading).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED' })
  })

  it('fails a run fails that run alone', { timeout: SECONDS }, async () => {
    const model = await tryFixture('affine-1')
    const wrong = model.run({ nope: { dtype: 'float32', shape: [1], data: Float32Array.of(1) } })
    await expect(wrong).rejects.toMatchObject({ code: 'MODEL_FAILED' })
    expect(await model.run(rows([0, 0, 0, 0]))).toMatchObject({ y: { shape: [1, 2] } })
    await model.unload()
  })

  it.each(['SIGABRT', 'SIGSEGV', 'SIGKILL'] as const)(
    'is ended by %s while it runs fails with that',
    { timeout: SECONDS },
    async (signal) => {
      const model = await tryFixture('slow')
      const running = model.run(count(FOR_EVER))
      process.kill(trialPid(), signal)
      await expect(running).rejects.toMatchObject({
        code: 'TRIAL_FAILED',
        message: expect.stringContaining(`was ended by ${signal} while it ran`),
      })
      await expect(model.run(count(1))).rejects.toMatchObject({ code: 'TRIAL_FAILED' })
      expect(() => model.figures()).toThrow(signal)
    },
  )

  it('is ended while it loads fails with that', { timeout: SECONDS }, async () => {
    const loading = tryFixture('affine-1')
    process.kill(await started(), 'SIGSEGV')
    await expect(loading).rejects.toMatchObject({
      code: 'TRIAL_FAILED',
      message: expect.stringContaining('was ended by SIGSEGV while it loaded'),
    })
  })

  it('exits fails with the code and its last words', { timeout: SECONDS }, async () => {
    const loading = tryFixture('affine-1', { environment: { NODE_OPTIONS: '--no-such-flag' } })
    await expect(loading).rejects.toMatchObject({
      code: 'TRIAL_FAILED',
      message: expect.stringMatching(/exited with code 9 while it loaded: node: --no-such-flag /),
      details: { exitCode: 9 },
    })
  })

  it('hangs is ended at the limit', { timeout: SECONDS }, async () => {
    const clock = new ManualClock()
    const model = await tryFixture('slow', { clock, timeoutMs: 15_000 })
    const running = model.run(count(FOR_EVER))
    clock.advance(15_000)
    await expect(running).rejects.toMatchObject({
      code: 'TRIAL_FAILED',
      message: 'The trial did not answer within 15000 ms: it was ended while it ran',
    })
    expect(clock.pending).toBe(0)
    await model.unload()
  })

  it('fills memory is ended beyond the limit, with the numbers', { timeout: SECONDS }, async () => {
    const folder = temporaryFolder()
    // A gibibyte for an answer.
    writeOnnx(folder, {
      inputs: [{ name: 'shape', type: ONNX_TYPES.int64, shape: [1] }],
      outputs: [{ name: 'y', type: ONNX_TYPES.float32, shape: ['n'] }],
      nodes: [{ op: 'ConstantOfShape', inputs: ['shape'], outputs: ['y'] }],
    })
    const limit = { bytes: 500 * MIB, code: 'INSUFFICIENT_MEMORY' } as const
    const model = await trialLoader({ memoryLimit: () => limit }).load(
      folder,
      plainManifest(),
      NEVER,
    )
    const shape = { dtype: 'int64', shape: [1], data: BigInt64Array.of(2n ** 28n) } as const
    await expect(model.run({ shape })).rejects.toMatchObject({
      code: 'INSUFFICIENT_MEMORY',
      message: expect.stringMatching(
        /took \d+ MiB of memory while it ran, more than the 500 MiB that the container has left/,
      ),
    })
    await model.unload()
  })
})

describe('a trial that is given up', () => {
  it('while it loads ends at once', { timeout: SECONDS }, async () => {
    const abort = new AbortController()
    const loading = tryFixture('affine-1', {}, abort.signal)
    await started()
    abort.abort(new ServingError('LOAD_FAILED', 'not wanted any more'))
    await expect(loading).rejects.toMatchObject({ message: 'not wanted any more' })
  })

  it('while it hangs ends at once', { timeout: SECONDS }, async () => {
    const abort = new AbortController()
    const model = await tryFixture('slow', {}, abort.signal)
    const running = model.run(count(FOR_EVER))
    abort.abort(new ServingError('LOAD_FAILED', 'not wanted any more'))
    await expect(running).rejects.toMatchObject({ message: 'not wanted any more' })
    await model.unload()
  })

  it('before it begins starts no process', async () => {
    const reason = new ServingError('LOAD_FAILED', 'not wanted any more')
    await expect(tryFixture('affine-1', {}, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it.each([
    ['while it waits', 1],
    ['while it hangs', FOR_EVER],
  ])('by the death of its parent %s ends too', { timeout: SECONDS }, async (_, counts) => {
    const parent = spawn(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'support', 'parent-worker.ts'), String(counts)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    onTestFinished(() => void parent.kill('SIGKILL'))
    const [line] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string]
    const pid = Number(line)
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('trial-child')
    parent.kill('SIGKILL')
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), PATIENCE)
  })
})

describe('the settings of a model', () => {
  it('do not give a trial more than one thread', { timeout: SECONDS }, async () => {
    const model = await tryFixture('affine-1', { engine: { ...CPU, intraOpThreads: 8 } })
    const threads = (text: string) => Number(/^Threads:\s+(\d+)$/m.exec(text)?.[1])
    const eight = threads(readFileSync(`/proc/${trialPid()}/status`, 'utf8'))
    await model.unload()
    const other = await tryFixture('affine-1')
    expect(threads(readFileSync(`/proc/${trialPid()}/status`, 'utf8'))).toBe(eight)
    await other.unload()
  })
})
