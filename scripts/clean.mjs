/** Removes what the build made. Installed packages stay. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './command.mjs';

rmSync(join(root, 'dist'), { recursive: true, force: true });
