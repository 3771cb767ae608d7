import { ServingError } from '../errors.ts'
import type { MemoryRoom, TrialFigures } from '../interfaces.ts'

/** Native memory of one version on one worker. Bytes. */
export interface VersionMemory {
  readonly bytes: number
  /** While it is loaded, which takes more than being loaded. */
  readonly peakBytes: number
  /** By its trial; otherwise it is an estimate by the size of its files. */
  readonly measured: boolean
}

/** Where files are read into a message, and the weights copied out of it, both are there at once. */
const PEAK_OF_FILES = 2

/** What stays free for requests, and for what other threads take while nobody looks: a part of the limit, within bounds. */
const RESERVE = { part: 0.05, leastBytes: 32 * 2 ** 20, mostBytes: 512 * 2 ** 20 }

/** Bytes that may be taken of what is left. */
export function takableBytes({ limitBytes, leftBytes }: MemoryRoom): number {
  const reserve = Math.min(
    RESERVE.mostBytes,
    Math.max(RESERVE.leastBytes, limitBytes * RESERVE.part),
  )
  return Math.max(0, leftBytes - reserve)
}

/** What a version takes, as far as is known. */
export function versionMemory(
  fileBytes: number,
  trial: Pick<TrialFigures, 'memoryBytes' | 'peakMemoryBytes'> | undefined,
): VersionMemory {
  const bytes = trial?.memoryBytes
  if (bytes === undefined) {
    return { bytes: fileBytes, peakBytes: fileBytes * PEAK_OF_FILES, measured: false }
  }
  return { bytes, peakBytes: trial?.peakMemoryBytes ?? bytes, measured: true }
}

/**
 * @param room undefined where there is no limit.
 * @throws ServingError INSUFFICIENT_MEMORY with the numbers when a version cannot be loaded in what is left.
 */
export function checkRoom(memory: VersionMemory, room: MemoryRoom | undefined): void {
  if (room === undefined || memory.peakBytes <= takableBytes(room)) return
  const { limitBytes, leftBytes } = room
  const how = memory.measured ? 'as its trial measured' : 'by the size of its files'
  throw new ServingError(
    'INSUFFICIENT_MEMORY',
    `Loading takes ${mebibytes(memory.peakBytes)} of memory, ${how}; the container's limit of ` +
      `${mebibytes(limitBytes)} leaves ${mebibytes(leftBytes)} beside what is loaded, of which ` +
      `${mebibytes(leftBytes - takableBytes(room))} stay free for requests`,
    { details: { neededBytes: memory.peakBytes, leftBytes, limitBytes } },
  )
}

/**
 * Whether a version that has just been replaced may stay loaded: what must stay free is free with it. One that takes
 * hardly anything may always stay.
 * @param bytes undefined where nothing is known of it.
 */
export function standbyFits(bytes: number | undefined, room: MemoryRoom | undefined): boolean {
  if (room === undefined || takableBytes(room) > 0) return true
  return bytes !== undefined && bytes < room.limitBytes * 0.001
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`
}
