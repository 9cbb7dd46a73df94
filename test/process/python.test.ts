import { otherFiles, pythonTests } from './python-tests.js';

pythonTests('the Python client', otherFiles());
