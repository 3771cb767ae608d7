/** Where a writer puts its text, piece by piece. All of it is ASCII. */
export interface TextSink {
  add(text: string): void
  /** All that was added. */
  finish(): string | Uint8Array
}

/** From this many elements on, bytes are cheaper than a string of many pieces (1,000,000 floats: 200 ms, not 370). */
const MANY = 1024

/** A sink for about `elements` numbers or strings. */
export function createTextSink(elements: number): TextSink {
  return elements < MANY ? new StringSink() : new ByteSink()
}

class StringSink implements TextSink {
  #text = ''

  add(text: string): void {
    this.#text += text
  }

  finish(): string {
    return this.#text
  }
}

const CHUNK_BYTES = 1 << 16

class ByteSink implements TextSink {
  readonly #full: Uint8Array[] = []
  #chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #length = 0

  add(text: string): void {
    if (this.#length + text.length > this.#chunk.length) this.#turn(text.length)
    const chunk = this.#chunk
    const at = this.#length
    // a call out of JavaScript costs more than some fifty characters
    if (text.length > 50) chunk.write(text, at, 'latin1')
    else for (let i = 0; i < text.length; i++) chunk[at + i] = text.charCodeAt(i)
    this.#length = at + text.length
  }

  #turn(needed: number): void {
    this.#full.push(this.#chunk.subarray(0, this.#length))
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, needed))
    this.#length = 0
  }

  finish(): Uint8Array {
    return Buffer.concat([...this.#full, this.#chunk.subarray(0, this.#length)])
  }
}
