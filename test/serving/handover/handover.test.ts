import { describe, expect, it } from 'vitest'
import {
  type Action,
  type ModelView,
  nextAction,
  type VersionView,
} from '../../../src/serving/handover/handover.ts'
import type { VersionState } from '../../../src/serving/version-state.ts'

const NOW = 1_000
const NEVER = Number.POSITIVE_INFINITY

/** `champion: 1 -> 2` serves 1 and wants 2, `champion: 2 -> 2 <- 1` has 1 stand by; `none` is no version. */
function refs(...texts: string[]): ModelView['refs'] {
  const id = (text = ''): string | undefined => (text === 'none' ? undefined : text)
  return texts.map((text) => {
    const [label = '', serving, desired, previous = 'none'] = text.split(/: | -> | <- /)
    return { label, serving: id(serving), desired: id(desired), previous: id(previous) }
  })
}

/** `2 ready`, `2 loading cancelled`. */
function versions(...texts: string[]): VersionView[] {
  return texts.map((text) => {
    const [id = '', state, more] = text.split(' ')
    return {
      id,
      state: state as VersionState,
      cancelled: more === 'cancelled',
    }
  })
}

function failures(...entries: [string, number][]): ModelView['failures'] {
  return entries.map(([id, retryAt]) => ({ id, retryAt }))
}

const CASES: [string, Partial<ModelView>, Action][] = [
  ['nothing is known', {}, { kind: 'wait', until: NEVER }],
  [
    'the registry has named no version yet',
    { refs: refs('champion: none -> none') },
    { kind: 'wait', until: NEVER },
  ],
  ['a first version is wanted', { refs: refs('champion: none -> 1') }, { kind: 'load', id: '1' }],
  [
    'the first version is on its way',
    { refs: refs('champion: none -> 1'), versions: versions('1 downloading') },
    { kind: 'wait', until: NEVER },
  ],
  [
    'the first version is ready',
    { refs: refs('champion: none -> 1'), versions: versions('1 ready') },
    { kind: 'swap', ref: 'champion', id: '1' },
  ],
  [
    'what is wanted serves',
    { refs: refs('champion: 1 -> 1'), versions: versions('1 ready') },
    { kind: 'wait', until: NEVER },
  ],
  [
    'another version is wanted',
    { refs: refs('champion: 1 -> 2'), versions: versions('1 ready') },
    { kind: 'load', id: '2' },
  ],
  [
    'a smaller version is wanted again',
    { refs: refs('champion: 4 -> 3'), versions: versions('4 ready') },
    { kind: 'load', id: '3' },
  ],
  [
    'the new version warms up while the old one serves',
    { refs: refs('champion: 1 -> 2'), versions: versions('1 ready', '2 warming') },
    { kind: 'wait', until: NEVER },
  ],
  [
    'the new version is ready',
    { refs: refs('champion: 1 -> 2'), versions: versions('1 ready', '2 ready') },
    { kind: 'swap', ref: 'champion', id: '2' },
  ],
  [
    'the old version is left behind',
    { refs: refs('champion: 2 -> 2'), versions: versions('1 ready', '2 ready') },
    { kind: 'unload', id: '1' },
  ],
  [
    'the alias flaps back while the new version loads',
    { refs: refs('champion: 1 -> 1'), versions: versions('1 ready', '2 loading') },
    { kind: 'cancel', id: '2' },
  ],
  [
    'the cancelled load has not ended yet',
    { refs: refs('champion: 1 -> 1'), versions: versions('1 ready', '2 loading cancelled') },
    { kind: 'wait', until: NEVER },
  ],
  [
    'the alias flaps to a version whose load was just cancelled',
    { refs: refs('champion: 1 -> 2'), versions: versions('1 ready', '2 loading cancelled') },
    { kind: 'load', id: '2' },
  ],
  [
    'the alias moves on while a version loads: room is made first',
    { refs: refs('champion: 1 -> 3'), versions: versions('1 ready', '2 loading') },
    { kind: 'cancel', id: '2' },
  ],
  [
    'two aliases want one version',
    { refs: refs('champion: none -> 1', 'challenger: none -> 1'), versions: versions('1 loading') },
    { kind: 'wait', until: NEVER },
  ],
  [
    'two aliases of one version: the second is swapped too',
    { refs: refs('champion: 1 -> 1', 'challenger: none -> 1'), versions: versions('1 ready') },
    { kind: 'swap', ref: 'challenger', id: '1' },
  ],
  [
    'a version left by one alias is held by the other',
    {
      refs: refs('champion: 2 -> 2', 'challenger: 1 -> 1'),
      versions: versions('1 ready', '2 ready'),
    },
    { kind: 'wait', until: NEVER },
  ],
  [
    'two aliases want different versions',
    { refs: refs('champion: 1 -> 1', 'challenger: none -> 2'), versions: versions('1 ready') },
    { kind: 'load', id: '2' },
  ],
  [
    'two aliases change places',
    {
      refs: refs('champion: 1 -> 2', 'challenger: 2 -> 1'),
      versions: versions('1 ready', '2 ready'),
    },
    { kind: 'swap', ref: 'champion', id: '2' },
  ],
  [
    'a version was registered again under its number',
    { refs: refs('champion: 1a -> 1b'), versions: versions('1a ready') },
    { kind: 'load', id: '1b' },
  ],
  [
    'what is wanted has failed and is not due',
    {
      refs: refs('champion: 1 -> 2'),
      versions: versions('1 ready', '2 failed'),
      failures: failures(['2', NOW + 50]),
    },
    { kind: 'wait', until: NOW + 50 },
  ],
  [
    'what failed is due again',
    {
      refs: refs('champion: 1 -> 2'),
      versions: versions('1 ready'),
      failures: failures(['2', NOW]),
    },
    { kind: 'load', id: '2' },
  ],
  [
    'what was taken back is not tried by itself',
    {
      refs: refs('champion: 1 -> 2'),
      versions: versions('1 ready'),
      failures: failures(['2', NEVER]),
    },
    { kind: 'wait', until: NEVER },
  ],
  [
    'the failure of another version is no obstacle',
    {
      refs: refs('champion: 1 -> 3'),
      versions: versions('1 ready'),
      failures: failures(['2', NOW + 50]),
    },
    { kind: 'load', id: '3' },
  ],
  [
    'a version wanted again while it drains is loaded afresh',
    { refs: refs('champion: 2 -> 1'), versions: versions('1 draining', '2 ready') },
    { kind: 'load', id: '1' },
  ],
  [
    'the previous version stands by',
    { refs: refs('champion: 2 -> 2 <- 1'), versions: versions('1 standby', '2 ready') },
    { kind: 'wait', until: NEVER },
  ],
  [
    'its time of standing by is over',
    { refs: refs('champion: 2 -> 2'), versions: versions('1 standby', '2 ready') },
    { kind: 'unload', id: '1' },
  ],
  [
    'only the last one before stands by',
    {
      refs: refs('champion: 3 -> 3 <- 2'),
      versions: versions('1 standby', '2 standby', '3 ready'),
    },
    { kind: 'unload', id: '1' },
  ],
  [
    'it stands by for one reference when another leaves it',
    {
      refs: refs('champion: 2 -> 2 <- 1', 'challenger: 3 -> 3'),
      versions: versions('1 ready', '2 ready', '3 ready'),
    },
    { kind: 'wait', until: NEVER },
  ],
  [
    'the version that stands by is wanted again',
    { refs: refs('champion: 2 -> 1 <- 1'), versions: versions('1 standby', '2 ready') },
    { kind: 'swap', ref: 'champion', id: '1' },
  ],
  [
    'the model was removed',
    { refs: [], versions: versions('1 ready') },
    { kind: 'unload', id: '1' },
  ],
  [
    'the model was removed: nothing stands by',
    { refs: [], versions: versions('1 standby') },
    { kind: 'unload', id: '1' },
  ],
  [
    'the model was removed while it loads',
    { refs: [], versions: versions('1 downloading') },
    { kind: 'cancel', id: '1' },
  ],
  [
    'the model was removed and drains',
    { refs: [], versions: versions('1 draining', '2 failed') },
    { kind: 'wait', until: NEVER },
  ],
]

/** 2 is wanted where 1 serves, and did not fit beside it. */
const NO_ROOM: Partial<ModelView> = {
  refs: refs('champion: 1 -> 2'),
  versions: versions('1 ready'),
  failures: [{ id: '2', retryAt: NOW + 50, room: 'needed' }],
}

/** 1 was given up for 2. */
const RELEASED: Partial<ModelView> = {
  refs: [
    { label: 'champion', serving: undefined, desired: '2', previous: undefined, released: '1' },
  ],
  versions: [],
  failures: [{ id: '2', retryAt: NOW + 50, room: 'made' }],
  memoryFirst: true,
}

const MEMORY_CASES: [string, Partial<ModelView>, Action][] = [
  ['is tried again later, by default', NO_ROOM, { kind: 'wait', until: NOW + 50 }],
  [
    'takes the place of the old version where memory goes first',
    { ...NO_ROOM, memoryFirst: true },
    { kind: 'release', refs: ['champion'], id: '2' },
  ],
  [
    'takes it wherever it replaces it',
    {
      ...NO_ROOM,
      refs: refs('champion: 1 -> 2', 'challenger: 1 -> 2', 'canary: 3 -> 3'),
      memoryFirst: true,
    },
    { kind: 'release', refs: ['champion', 'challenger'], id: '2' },
  ],
  [
    'does not take it from a reference that still wants it',
    { ...NO_ROOM, refs: refs('champion: 1 -> 2', 'challenger: 1 -> 1'), memoryFirst: true },
    { kind: 'wait', until: NOW + 50 },
  ],
  [
    'has what stands by unloaded, by default too',
    {
      ...NO_ROOM,
      refs: refs('champion: 1 -> 2 <- 0'),
      versions: versions('0 standby', '1 ready'),
    },
    { kind: 'dismiss', ref: 'champion', id: '2' },
  ],
  [
    'waits until what makes room is gone',
    { ...RELEASED, versions: versions('1 draining') },
    { kind: 'wait', until: NEVER },
  ],
  ['is then loaded at once', RELEASED, { kind: 'load', id: '2' }],
  [
    'is replaced by what made room for it when it cannot be loaded',
    { ...RELEASED, failures: failures(['2', NEVER]) },
    { kind: 'load', id: '1' },
  ],
  [
    'is replaced by it as soon as that is ready',
    { ...RELEASED, failures: failures(['2', NEVER]), versions: versions('1 ready') },
    { kind: 'swap', ref: 'champion', id: '1' },
  ],
  [
    'is not disturbed by it on the way',
    { ...RELEASED, versions: versions('2 loading') },
    { kind: 'wait', until: NEVER },
  ],
]

describe('a version that did not fit beside the old one', () => {
  it.each(MEMORY_CASES)('%s', (_, view, expected) => {
    expect(nextAction({ refs: [], versions: [], failures: [], ...view }, NOW)).toEqual(expected)
  })
})

describe('nextAction', () => {
  it.each(CASES)('%s', (_, view, expected) => {
    expect(nextAction({ refs: [], versions: [], failures: [], ...view }, NOW)).toEqual(expected)
  })
})
