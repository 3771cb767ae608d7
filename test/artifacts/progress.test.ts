import { describe, expect, it } from 'vitest'
import { createProgressReporter, formatBytes } from '../../src/artifacts/progress.ts'
import { ManualClock } from '../manual-clock.ts'

const MIB = 2 ** 20

function stream(isTTY: boolean, columns = 100) {
  const written: string[] = []
  return { written, isTTY, columns, write: (text: string) => written.push(text) }
}

function at(mebibytes: number, filesDone = 0) {
  return { files: 2, filesDone, bytes: 100 * MIB, bytesDone: mebibytes * MIB }
}

describe('on a terminal', () => {
  it('paints a bar with bytes and rate over itself, ten times a second at most', () => {
    const clock = new ManualClock()
    const tty = stream(true)
    const track = createProgressReporter(tty, clock).track('iris 3')
    track.onProgress(at(0))
    clock.advance(50)
    track.onProgress(at(10))
    clock.advance(950)
    track.onProgress(at(50, 1))
    track.end('done')
    expect(tty.written).toEqual([
      `\r\x1b[Kiris 3 [${'░'.repeat(24)}] 0 B of 100.0 MiB, 0 %, 0 of 2 files`,
      `\r\x1b[Kiris 3 [${'█'.repeat(12)}${'░'.repeat(12)}] 50.0 MiB of 100.0 MiB, 50 %, 50.0 MiB/s, 1 of 2 files`,
      '\r\x1b[Kiris 3: downloaded 1 file, 50.0 MiB in 1.0 s\n',
    ])
  })

  it('never wraps', () => {
    const tty = stream(true, 20)
    createProgressReporter(tty, new ManualClock()).track('iris-classifier 3').onProgress(at(1))
    expect(tty.written).toEqual(['\r\x1b[Kiris-classifier 3 ['.slice(0, 4 + 19)])
  })
})

describe('elsewhere', () => {
  it('writes a line at the start, every five seconds, and at the end', () => {
    const clock = new ManualClock()
    const log = stream(false)
    const track = createProgressReporter(log, clock).track('iris 3')
    for (let i = 0; i <= 8; i++) {
      track.onProgress(at(i * 10))
      clock.advance(1000)
    }
    track.end('failed')
    expect(log.written).toEqual([
      'iris 3: 0 B of 100.0 MiB, 0 %, 0 of 2 files\n',
      'iris 3: 50.0 MiB of 100.0 MiB, 50 %, 10.0 MiB/s, 0 of 2 files\n',
      'iris 3: failed after 0 files, 80.0 MiB in 9.0 s\n',
    ])
  })

  it('says nothing of a version that was there already', () => {
    const log = stream(false)
    createProgressReporter(log, new ManualClock()).track('iris 3').end('done')
    expect(log.written).toEqual([])
  })

  it('does without the size where the store does not say it', () => {
    const log = stream(false)
    const track = createProgressReporter(log, new ManualClock()).track('iris 3')
    track.onProgress({ ...at(1), bytes: undefined })
    expect(log.written).toEqual(['iris 3: 1.0 MiB, 0 of 2 files\n'])
  })
})

describe('bytes for people', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [MIB - 1, '1.0 MiB'],
    [9.5 * MIB, '9.5 MiB'],
    [3 * 2 ** 30, '3.0 GiB'],
    [5 * 2 ** 50, '5120.0 TiB'],
  ])('%d', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})
