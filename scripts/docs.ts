/** `npm run docs`: writes the pages, and the client's types, that are made from the code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configPage } from '../bin/config-page.ts'
import { metricsPage } from '../bin/metrics-page.ts'
import { clientTypes } from './client-types.ts'
import { apiDocument } from './support/api-document.ts'
import { projectRoot } from './support/tools.ts'

writeFileSync(join(projectRoot, 'docs', 'config.md'), configPage())
writeFileSync(join(projectRoot, 'docs', 'metrics.md'), metricsPage())
writeFileSync(join(projectRoot, 'clients', 'typescript', 'types.ts'), clientTypes(await apiDocument()))
