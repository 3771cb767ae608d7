import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../../clock.ts'
import { batchingObstacle } from '../batching/batch-obstacle.ts'
import { proveBatching } from '../batching-proof/batching-proof.ts'
import { madeUpRow, ProofRows, variant } from '../batching-proof/proof-rows.ts'
import type { BatchingEvidence, Candidate } from '../candidate.ts'
import type { Gate } from '../handover/bring-up.ts'
import { READ_HERE_BYTES, type RequestReader } from '../rehearsal/answering.ts'
import type { Exchange } from '../rehearsal/exchange-ring.ts'
import type { ServedModel } from '../served-model.ts'
import type { BatchSettings } from '../settings.ts'
import { readExample } from './rehearsal.ts'

/** Rows of the largest batch that is tried. */
const MOST_ROWS = 8

export interface BatchingProofParts<Contract> {
  readonly batchSettingsFor: (modelName: string) => BatchSettings
  readonly reader: RequestReader<Contract>
  readonly clock: Clock
}

/**
 * Finds out whether requests of a version may share batches. It refuses nothing: a version whose rows are answered
 * otherwise in company is served unbatched.
 */
export function createBatchingProofGate<Contract>(
  parts: BatchingProofParts<Contract>,
): Gate<Contract> {
  return async (candidate, serving, signal) => {
    const settings = parts.batchSettingsFor(candidate.registered.name)
    if (batchingObstacle(candidate.model.info, settings) !== undefined) return {}
    const { rows, source } = await rowsFor(candidate, serving, parts, settings)
    const proof = await proveBatching(candidate.model, rows, parts.clock, signal)
    if (proof === undefined) return {}
    const { obstacle } = proof
    if (obstacle !== undefined) return { batchingObstacle: obstacle }
    return { batchingProof: { rows: proof.rows, largestBatch: proof.largestBatch, source } }
  }
}

/** Rows that clients have sent, else of the input example, else made up. */
async function rowsFor<Contract>(
  candidate: Candidate<Contract>,
  serving: ServedModel<Contract> | undefined,
  parts: BatchingProofParts<Contract>,
  { maxRows, maxBytes }: BatchSettings,
): Promise<{ rows: ProofRows['rows']; source: BatchingEvidence['source'] }> {
  const most = Math.min(MOST_ROWS, maxRows)
  const collected = new ProofRows(most, maxBytes / most)
  const { reader } = parts
  const recent =
    serving?.batcher === undefined ? [] : reader.exchangesOf(serving.contract).exchanges()
  for (const exchange of recent) {
    if (collected.isFull) break
    await addRequest(collected, candidate, exchange, reader)
  }
  if (collected.rows.length >= 2) return { rows: collected.rows, source: 'traffic' }

  const body = await readExample(candidate.folder, candidate.manifest.servingInputPath)
  if (body !== undefined) {
    await addRequest(collected, candidate, { media: 'application/json', body }, reader)
  }
  const [given] = collected.rows
  for (let step = 1; given !== undefined && step < most; step += 1) {
    collected.add(variant(given, step))
  }
  if (collected.rows.length >= 2) return { rows: collected.rows, source: 'example' }

  const madeUp = new ProofRows(most, maxBytes / most)
  for (let seed = 1; seed <= most; seed += 1) {
    // A large row takes milliseconds to make up: live requests go between.
    await turn()
    const row = madeUpRow(candidate.model.info.inputs, seed)
    if (row !== undefined) madeUp.add(row)
  }
  if (madeUp.rows.length >= 2) return { rows: madeUp.rows, source: 'made up' }
  return { rows: collected.rows, source: 'example' }
}

async function addRequest<Contract>(
  rows: ProofRows,
  { contract }: Candidate<Contract>,
  { media, body }: Pick<Exchange, 'media' | 'body'>,
  reader: RequestReader<Contract>,
): Promise<void> {
  if (body.byteLength >= READ_HERE_BYTES) return
  try {
    rows.add((await reader.read(contract, media, body)).feeds)
  } catch {
    // What the new version cannot read is the rehearsal's affair.
  }
}
