import { LONG, pythonTests } from './python-tests.js';

pythonTests('the Python client beside others that end', LONG);
