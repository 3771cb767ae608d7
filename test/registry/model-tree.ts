import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The folder of an embedded registry, made and changed as a person would. */
export class ModelTree {
  readonly root: string

  private constructor(root: string) {
    this.root = root
  }

  static async make(): Promise<ModelTree> {
    return new ModelTree(await mkdtemp(join(tmpdir(), 'model-tree-')))
  }

  async addVersion(model: string, version: string, content = 'onnx'): Promise<void> {
    await this.write(`${model}/${version}/model.onnx`, content)
    await this.write(`${model}/${version}/MLmodel`, 'flavors: {}\n')
  }

  async setAliases(model: string, text: string): Promise<void> {
    await this.write(`${model}/aliases.yaml`, text)
  }

  /** As many editors save: a new file beside, renamed over the old one. */
  async saveAliases(model: string, text: string): Promise<void> {
    await this.write(`${model}/.aliases.yaml.swp`, text)
    await rename(
      join(this.root, model, '.aliases.yaml.swp'),
      join(this.root, model, 'aliases.yaml'),
    )
  }

  async write(path: string, text: string): Promise<void> {
    const file = join(this.root, path)
    await mkdir(join(file, '..'), { recursive: true })
    await writeFile(file, text)
  }

  async remove(path: string): Promise<void> {
    await rm(join(this.root, path), { recursive: true })
  }
}
