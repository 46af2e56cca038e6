/** `npm run docs`: writes the pages that are made from the code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configPage } from '../bin/config-page.ts'
import { projectRoot } from './support/tools.ts'

writeFileSync(join(projectRoot, 'docs', 'config.md'), configPage())
