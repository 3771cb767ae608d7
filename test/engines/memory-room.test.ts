import { describe, expect, it } from 'vitest'
import { memoryRoom } from '../../src/engines/memory-room.ts'

type Files = Readonly<Record<string, string>>

const reading = (files: Files) => (path: string) => files[path]

const V2 = { '/proc/self/cgroup': '0::/\n' }
const V1 = { '/proc/self/cgroup': '9:memory:/docker/abc\n0::/\n' }

describe('memoryRoom', () => {
  it.each<[string, Files]>([
    ['there are no control groups', {}],
    [
      'version 2 has no limit',
      {
        ...V2,
        '/sys/fs/cgroup/memory.max': 'max\n',
        '/sys/fs/cgroup/memory.current': '5000\n',
      },
    ],
    [
      'version 1 has no limit',
      {
        ...V1,
        '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n',
        '/sys/fs/cgroup/memory/memory.usage_in_bytes': '5000\n',
      },
    ],
    ['what is in use cannot be read', { ...V2, '/sys/fs/cgroup/memory.max': '1000\n' }],
  ])('is unknown where %s', (_, files) => {
    expect(memoryRoom(reading(files))).toBeUndefined()
  })

  it('is what version 2 leaves, pages of files not counted', () => {
    const files = {
      ...V2,
      '/sys/fs/cgroup/memory.max': '10000\n',
      '/sys/fs/cgroup/memory.current': '8000\n',
      '/sys/fs/cgroup/memory.stat':
        'anon 3000\nfile 3500\nshmem 500\ninactive_file 1000\nactive_file 2000\n',
    }
    expect(memoryRoom(reading(files))).toEqual({ limitBytes: 10_000, leftBytes: 5_000 })
  })

  it('is what version 1 leaves, in a container where the path is that of the host', () => {
    const files = {
      ...V1,
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': '10000\n',
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': '8000\n',
      '/sys/fs/cgroup/memory/memory.stat':
        'inactive_file 1\nactive_file 1\ntotal_inactive_file 1000\ntotal_active_file 500\n',
    }
    expect(memoryRoom(reading(files))).toEqual({ limitBytes: 10_000, leftBytes: 3_500 })
  })

  it('is the least that a group around this one leaves', () => {
    const files = {
      '/proc/self/cgroup': '0::/pods/pod/box\n',
      '/sys/fs/cgroup/pods/pod/box/memory.max': '10000\n',
      '/sys/fs/cgroup/pods/pod/box/memory.current': '2000\n',
      '/sys/fs/cgroup/pods/pod/memory.max': '20000\n',
      '/sys/fs/cgroup/pods/pod/memory.current': '19000\n',
    }
    expect(memoryRoom(reading(files))).toEqual({ limitBytes: 20_000, leftBytes: 1_000 })
  })

  it('is never less than nothing', () => {
    const files = {
      ...V2,
      '/sys/fs/cgroup/memory.max': '1000\n',
      '/sys/fs/cgroup/memory.current': '1200\n',
    }
    expect(memoryRoom(reading(files))).toEqual({ limitBytes: 1_000, leftBytes: 0 })
  })
})
