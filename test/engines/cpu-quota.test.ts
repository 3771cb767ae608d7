import { describe, expect, it } from 'vitest'
import { availableCores, cpuQuota } from '../../src/engines/cpu-quota.ts'

type Files = Readonly<Record<string, string>>

const reading = (files: Files) => (path: string) => files[path]

describe('cpuQuota', () => {
  it.each<[string, Files, number | undefined]>([
    ['no control groups at all', {}, undefined],
    [
      'version 2, no quota',
      { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      undefined,
    ],
    [
      'version 2, in a container',
      { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup/cpu.max': '150000 100000\n' },
      1.5,
    ],
    [
      'version 2, the smallest on the way to the root',
      {
        '/proc/self/cgroup': '0::/kubepods/pod1/box\n',
        '/sys/fs/cgroup/kubepods/pod1/box/cpu.max': '400000 100000\n',
        '/sys/fs/cgroup/kubepods/pod1/cpu.max': '200000 100000\n',
        '/sys/fs/cgroup/kubepods/cpu.max': 'max 100000\n',
      },
      2,
    ],
    [
      'version 1, in a container, where the path is that of the host',
      {
        '/proc/self/cgroup': '12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '50000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      0.5,
    ],
    [
      'version 1, no quota',
      {
        '/proc/self/cgroup': '4:cpuacct,cpu:/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      undefined,
    ],
    [
      'a controller whose name only begins with cpu',
      {
        '/proc/self/cgroup': '4:cpuset:/\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000\n',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      undefined,
    ],
  ])('%s', (_, files, expected) => {
    expect(cpuQuota(reading(files))).toBe(expected)
  })
})

describe('availableCores', () => {
  const limited = (max: string): Files => ({
    '/proc/self/cgroup': '0::/\n',
    '/sys/fs/cgroup/cpu.max': max,
  })

  it.each<[string, Files, number, number]>([
    ['all that it may be scheduled on where there is no quota', {}, 6, 6],
    ['the quota where that is less', limited('200000 100000'), 64, 2],
    ['whole cores', limited('350000 100000'), 64, 3],
    ['at least one', limited('50000 100000'), 64, 1],
    ['not more than it may be scheduled on', limited('800000 100000'), 4, 4],
  ])('%s', (_, files, schedulable, expected) => {
    expect(availableCores(reading(files), schedulable)).toBe(expected)
  })

  it('reads this machine', () => {
    expect(availableCores()).toBeGreaterThanOrEqual(1)
  })
})
