import { createHash } from 'node:crypto'
import type { ArtifactSink } from '../../src/interfaces.ts'

/** Holds a download in memory and remembers how it came. */
export class MemorySink implements ArtifactSink {
  restarts = 0
  #bytes = Buffer.alloc(0)
  #written = 0

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const end = position + bytes.byteLength
    if (end > this.#bytes.length) {
      this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(end - this.#bytes.length)])
    }
    this.#bytes.set(bytes, position)
    this.#written += bytes.byteLength
  }

  async restart(): Promise<void> {
    this.restarts += 1
    this.#bytes = Buffer.alloc(0)
    this.#written = 0
  }

  async md5(): Promise<string> {
    return createHash('md5').update(this.#bytes).digest('hex')
  }

  get content(): Buffer {
    return this.#bytes
  }

  /** Bytes received since the last restart: more than the content when some came twice. */
  get received(): number {
    return this.#written
  }
}
