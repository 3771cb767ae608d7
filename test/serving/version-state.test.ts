import { describe, expect, it } from 'vitest'
import {
  checkMove,
  isLoaded,
  isStarting,
  LEGAL_MOVES,
  type VersionState,
} from '../../src/serving/version-state.ts'

const states = Object.keys(LEGAL_MOVES) as VersionState[]

const LEGAL = [
  'resolving -> downloading',
  'resolving -> closed',
  'resolving -> failed',
  'downloading -> loading',
  'downloading -> closed',
  'downloading -> failed',
  'loading -> warming',
  'loading -> closed',
  'loading -> failed',
  'warming -> ready',
  'warming -> closed',
  'warming -> failed',
  'ready -> standby',
  'ready -> draining',
  'ready -> failed',
  'standby -> ready',
  'standby -> draining',
  'standby -> failed',
  'draining -> closed',
  'draining -> failed',
]

describe("a version's states", () => {
  const moves = states.flatMap((from) => states.map((to) => ({ from, to })))

  it.each(moves)('$from -> $to is legal or throws', ({ from, to }) => {
    const move = (): void => checkMove(from, to)
    if (LEGAL.includes(`${from} -> ${to}`)) expect(move).not.toThrow()
    else expect(move).toThrow(`cannot go from ${from} to ${to}`)
  })

  it('are on the way, in memory, or over', () => {
    expect(states.filter(isStarting)).toEqual(['resolving', 'downloading', 'loading', 'warming'])
    expect(states.filter(isLoaded)).toEqual(['ready', 'standby'])
  })
})
