import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type { ModelVersion } from '../../interfaces.ts'
import type { ModelManifest } from '../../model/mlmodel.ts'
import type { Candidate } from '../candidate.ts'
import type { Gate } from '../handover/bring-up.ts'
import { answerByServing, type RequestReader } from '../rehearsal/answering.ts'
import type { Exchange } from '../rehearsal/exchange-ring.ts'
import { Rehearsal } from '../rehearsal/rehearsal.ts'
import type { RehearsalSettings } from '../rehearsal/rehearsal-settings.ts'
import { complaints, type RehearsalReport } from '../rehearsal/report.ts'
import type { ServedModel } from '../served-model.ts'

/** A larger input example is not read into memory. */
const MAX_EXAMPLE_BYTES = 4 * 2 ** 20

export interface RehearsalParts<Contract> {
  readonly settingsFor: (modelName: string) => RehearsalSettings
  readonly reader: RequestReader<Contract>
  readonly clock: Clock
  /** Why a version may serve whatever a rehearsal shows, such as that it has served before; undefined otherwise. */
  readonly excuse?: (version: ModelVersion) => string | undefined
  /**
   * Threads that a run of the serving version may take: a trial runs in one. 1 where nothing is said.
   * @param bytes of its files.
   */
  readonly servingThreads?: (modelName: string, bytes: number, manifest: ModelManifest) => number
  /** Told of every rehearsal that came to its end; `failures` is empty where it was passed. */
  readonly onReport?: (
    candidate: Pick<Candidate<Contract>, 'registered'>,
    report: RehearsalReport,
    failures: readonly string[],
  ) => void
}

/**
 * A gate that has a new version answer recent live requests of the serving one, and compares. Where there were none,
 * the new version's input example is asked of both. On first load there is nothing to compare with.
 *
 * It rejects with REHEARSAL_FAILED, whose message has every number beyond its limit.
 */
export function createRehearsalGate<Contract>(parts: RehearsalParts<Contract>): Gate<Contract> {
  const { settingsFor, reader, clock, excuse, onReport } = parts
  return async (candidate, serving, signal) => {
    const settings = settingsFor(candidate.registered.name)
    if (serving === undefined || settings.requests === 0) return {}
    const traffic = recentExchanges(serving, reader)
    const source = traffic.length > 0 ? 'traffic' : 'example'
    const exchanges =
      source === 'traffic' ? traffic : await exampleExchange(candidate, serving, parts, signal)
    const report = await new Rehearsal({
      candidate,
      serving,
      source,
      settings,
      servingThreads: threadsOfServing(candidate, serving, parts),
      reader,
      clock,
      signal,
    }).run(exchanges)
    signal.throwIfAborted()
    if (report === undefined) return {}
    const excused = excuse?.(candidate.registered) !== undefined
    const failures = excused ? [] : complaints(report, settings)
    onReport?.(candidate, report, failures)
    if (failures.length === 0) return { rehearsal: report }
    const requests = report.source === 'traffic' ? 'recent requests' : 'input example'
    throw new ServingError(
      'REHEARSAL_FAILED',
      `Rehearsal against version ${serving.version} with ${report.requests} ${requests}: ${failures.join('; ')}`,
    )
  }
}

/** Threads that made the recorded times of the serving version, where a trial's CPU time is held against them. */
function threadsOfServing<Contract>(
  { registered, manifest, model }: Candidate<Contract>,
  serving: ServedModel<Contract>,
  { servingThreads }: RehearsalParts<Contract>,
): number {
  if (model.cpuMs === undefined || servingThreads === undefined) return 1
  return servingThreads(registered.name, serving.artifactBytes ?? 0, manifest)
}

function recentExchanges<Contract>(
  serving: ServedModel<Contract>,
  reader: RequestReader<Contract>,
): readonly Exchange[] {
  // A version that was unloaded meanwhile has no contract any more.
  return serving.batcher === undefined ? [] : reader.exchangesOf(serving.contract).exchanges()
}

/** The candidate's own input example with the serving version's answer; none where it has no such answer. */
async function exampleExchange<Contract>(
  { folder, manifest }: Candidate<Contract>,
  serving: ServedModel<Contract>,
  { reader, clock, settingsFor }: RehearsalParts<Contract>,
  signal: AbortSignal,
): Promise<readonly Exchange[]> {
  const body = await readExample(folder, manifest.servingInputPath)
  if (body === undefined) return []
  const request = { media: 'application/json', body } as const
  const deadlineAt = clock.monotonic() + settingsFor(serving.name).timeoutMs
  const answered = await answerByServing(serving, request, reader, { deadlineAt, signal })
  return answered === undefined ? [] : [{ ...request, ...answered }]
}

/** The input example that was saved with a model; undefined where there is none, or a very large one. */
export async function readExample(
  folder: string,
  servingInputPath: string | undefined,
): Promise<Uint8Array | undefined> {
  if (servingInputPath === undefined) return undefined
  const path = join(folder, servingInputPath)
  try {
    const { size } = await stat(path)
    return size > MAX_EXAMPLE_BYTES ? undefined : new Uint8Array(await readFile(path))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
