import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { ServingError } from '../errors.ts'
import type { ArtifactFile, ArtifactSink } from '../interfaces.ts'
import { cacheFailure } from './cache/cache-failure.ts'
import type { IndexedFile } from './cache/cache-index-schema.ts'
import { quotePath } from './safe-path.ts'

/** Hashing it blocks the event loop, which also answers requests, for less than a millisecond. */
const READ_BYTES = 256 * 1024

/**
 * Writes one file of a download and hashes it on the way. What comes in order is hashed as it comes; what parts
 * that overtake each other wrote is read back at the end, from memory as a rule.
 */
export class FileSink implements ArtifactSink {
  readonly #file: ArtifactFile
  readonly #handle: FileHandle
  readonly #onBytes: (bytes: number) => void
  #written = 0
  #hash = createHash('sha256')
  #hashedTo = 0

  private constructor(file: ArtifactFile, handle: FileHandle, onBytes: (bytes: number) => void) {
    this.#file = file
    this.#handle = handle
    this.#onBytes = onBytes
  }

  /**
   * @param target path that does not exist yet.
   * @param onBytes is told of each piece before it is written and may throw; of a restart as a negative number.
   */
  static async create(
    file: ArtifactFile,
    target: string,
    onBytes: (bytes: number) => void,
  ): Promise<FileSink> {
    try {
      return new FileSink(file, await open(target, 'wx+'), onBytes)
    } catch (error) {
      throw cacheFailure(error)
    }
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const { size } = this.#file
    if (size !== undefined && position + bytes.byteLength > size) throw this.#tooLong(size)
    this.#onBytes(bytes.byteLength)
    if (position === this.#hashedTo) {
      this.#hash.update(bytes)
      this.#hashedTo += bytes.byteLength
    }
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(bytes, done, undefined, position + done)
        done += bytesWritten
      }
    } catch (error) {
      throw cacheFailure(error)
    }
    this.#written += bytes.byteLength
  }

  async restart(): Promise<void> {
    this.#onBytes(-this.#written)
    this.#written = 0
    this.#hash = createHash('sha256')
    this.#hashedTo = 0
    await this.#handle.truncate(0).catch(rethrow)
  }

  async md5(): Promise<string> {
    const hash = createHash('md5')
    for await (const bytes of this.#read(0)) hash.update(bytes)
    return hash.digest('hex')
  }

  /**
   * Puts the file safely on disk and closes it.
   * @throws ServingError ARTIFACT_CORRUPT when it is not as long as announced.
   */
  async finish(): Promise<IndexedFile> {
    const { path, size } = this.#file
    if (size !== undefined && this.#written !== size) {
      throw new ServingError(
        'ARTIFACT_CORRUPT',
        `Expected ${size} bytes for ${quotePath(path)}, as listed, got ${this.#written}`,
      )
    }
    for await (const bytes of this.#read(this.#hashedTo)) this.#hash.update(bytes)
    await this.#handle.datasync().catch(rethrow)
    await this.#handle.close().catch(rethrow)
    return { path, size: this.#written, sha256: this.#hash.digest('hex') }
  }

  /** Closes a file that will not be finished. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
  }

  async *#read(from: number): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (let position = from; position < this.#written; ) {
      const { bytesRead } = await this.#handle
        .read(buffer, 0, buffer.length, position)
        .catch(rethrow)
      if (bytesRead === 0) return
      position += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  }

  #tooLong(size: number): ServingError {
    return new ServingError(
      'ARTIFACT_CORRUPT',
      `Expected ${size} bytes for ${quotePath(this.#file.path)}, as listed, got more`,
    )
  }
}

function rethrow(error: unknown): never {
  throw cacheFailure(error)
}
