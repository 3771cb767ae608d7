/** The server has ended, but something was cut or still hangs in native code: the process must be killed. */
export class UncleanEnd extends Error {
  override readonly name = 'UncleanEnd'

  constructor() {
    super('requests were cut, or a model still runs')
  }
}
