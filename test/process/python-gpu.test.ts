import { pythonTests } from './python-tests.js';

pythonTests('the Python client on a GPU', ['gpu']);
