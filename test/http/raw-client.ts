import { connect, type Socket } from 'node:net'

/** What a server sent on one connection, up to its end. */
export interface RawAnswer {
  /** Status of the first answer; undefined where the connection closed without one. */
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Milliseconds from the first byte sent to the last one received. */
  readonly ms: number
}

/** A connection on which a test writes what it likes, HTTP or not. */
export class RawClient {
  readonly #socket: Socket
  readonly #startedAt = performance.now()
  readonly answer: Promise<RawAnswer>

  constructor(url: string) {
    const { hostname, port } = new URL(url)
    this.#socket = connect({ host: hostname, port: Number(port), noDelay: true })
    this.answer = new Promise((resolve) => {
      let text = ''
      this.#socket.setEncoding('latin1').on('data', (part: string) => {
        text += part
        if (isWhole(text)) this.#socket.destroy()
      })
      // A server that has had enough resets the connection: what counts is what it said before.
      this.#socket.on('error', () => {})
      this.#socket.on('close', () => resolve(parse(text, performance.now() - this.#startedAt)))
    })
  }

  get closed(): boolean {
    return this.#socket.destroyed
  }

  /** Writes as fast as the server reads; resolves to false when the connection is over. */
  write(data: string | Buffer): Promise<boolean> {
    if (this.closed) return Promise.resolve(false)
    return new Promise((resolve) => {
      if (this.#socket.write(data)) return resolve(true)
      const go = () => {
        this.#socket.off('drain', go).off('close', go)
        resolve(!this.closed)
      }
      this.#socket.on('drain', go).on('close', go)
    })
  }

  /** Ends its side of the connection. */
  end(): void {
    this.#socket.end()
  }

  /** Goes away without a word. */
  vanish(): void {
    this.#socket.resetAndDestroy()
  }
}

/** Whether the announced body has arrived: a server that keeps the connection would not close it. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1]
  return length !== undefined && text.length >= end + 4 + Number(length)
}

function parse(text: string, ms: number): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const [name = '', ...value] = line.split(': ')
    headers[name.toLowerCase()] = value.join(': ')
  }
  const status = /^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]
  return {
    status: status === undefined ? undefined : Number(status),
    headers,
    body: rest.join('\r\n\r\n'),
    ms,
  }
}

/** The head of a scoring request to this path, with these headers. */
export function head(path: string, headers: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries({ host: 'x', 'content-type': 'application/json', ...headers })
  return `POST ${path} HTTP/1.1\r\n${lines.map((it) => it.join(': ')).join('\r\n')}\r\n\r\n`
}

/** Sends the parts one after another and gives all that the server sends until it closes. */
export function conversation(url: string, ...parts: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ host: hostname, port: Number(port), noDelay: true })
    for (const part of parts) socket.write(part)
    socket.setEncoding('latin1').on('data', (received: string) => {
      text += received
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

/** Statuses of the answers in what a server sent, in their order. */
export function statusesOf(text: string): number[] {
  return Array.from(text.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => Number(status))
}
