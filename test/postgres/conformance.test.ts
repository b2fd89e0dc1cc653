import { conforms } from './kit.js';

conforms('a server on its own', { sequences: 60 });
