import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.QueryParameters;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import de.bwaldvogel.mongo.backend.memory.MemoryCollection;
import de.bwaldvogel.mongo.backend.memory.MemoryDatabase;
import de.bwaldvogel.mongo.bson.Document;
import java.util.ArrayList;
import java.util.List;

/**
 * mongo-java-server on a port of the loopback, in memory, with the arguments of mongod that the tests use. It keeps to
 * OP_MSG and to the commands that the store sends, but calls itself a 4.2, which current drivers refuse to talk to: here
 * it says 5.0 and wire version 13.
 */
public final class Server {
  private static final MongoVersion VERSION = new MongoVersion() {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  };

  /**
   * An update changes the stored document field by field, and a query hands out that very document, which is put on the
   * wire after the collection's lock is gone: a reader could see the version of an update without its bytes. MongoDB
   * reads a document as it was at one moment, so here a query answers copies that it made under the lock.
   */
  private static final class Collection extends MemoryCollection {
    private boolean reads;

    Collection(MongoDatabase database, String name, CollectionOptions options, CursorRegistry cursors) {
      super(database, name, options, cursors);
    }

    @Override
    public synchronized QueryResult handleQuery(QueryParameters parameters) {
      reads = true;
      try {
        return super.handleQuery(parameters);
      } finally {
        reads = false;
      }
    }

    @Override
    protected QueryResult createQueryResult(List<Document> found, int batchSize) {
      if (!reads) return super.createQueryResult(found, batchSize);
      List<Document> copies = new ArrayList<>(found.size());
      for (Document document : found) copies.add(document.clone());
      return super.createQueryResult(copies, batchSize);
    }
  }

  private static final class Backend extends MemoryBackend {
    @Override
    public MemoryDatabase openOrCreateDatabase(String name) {
      return new MemoryDatabase(name, getCursorRegistry()) {
        @Override
        protected MemoryCollection openOrCreateCollection(String collection, CollectionOptions options) {
          return new Collection(this, collection, options, cursorRegistry);
        }
      };
    }
  }

  public static void main(String[] arguments) throws InterruptedException {
    int port = 0;
    for (int at = 0; at < arguments.length; at++) {
      if (arguments[at].equals("--version")) {
        System.out.println("mongo-java-server, as MongoDB 5.0");
        return;
      }
      if (arguments[at].equals("--port")) port = Integer.parseInt(arguments[at + 1]);
    }
    MongoServer server = new MongoServer(new Backend().version(VERSION));
    server.bind("127.0.0.1", port);
    System.out.println("Waiting for connections on port " + server.getLocalAddress().getPort());
    Thread.currentThread().join();
  }
}
