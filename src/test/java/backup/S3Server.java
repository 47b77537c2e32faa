package backup;

import java.net.URI;
import org.gaul.s3proxy.AuthenticationType;
import org.gaul.s3proxy.S3Proxy;
import org.jclouds.ContextBuilder;
import org.jclouds.blobstore.BlobStoreContext;
import org.jclouds.blobstore.TransientApiMetadata;

/**
 * A server of S3's protocol in this process, with one bucket in memory, which checks signatures.
 */
final class S3Server {

  static final String BUCKET = "backups";
  static final String ACCESS_KEY = "access";
  static final String SECRET_KEY = "a-secret-key";

  private final BlobStoreContext context;
  private final S3Proxy server;

  S3Server() throws Exception {
    context =
        // Not by its name, which would look through all that there are and fail at those left out.
        ContextBuilder.newBuilder(new TransientApiMetadata())
            .credentials(ACCESS_KEY, SECRET_KEY)
            .build(BlobStoreContext.class);
    server =
        S3Proxy.builder()
            .blobStore(context.getBlobStore())
            .endpoint(URI.create("http://127.0.0.1:0"))
            .awsAuthentication(AuthenticationType.AWS_V4, ACCESS_KEY, SECRET_KEY)
            .build();
    server.start();
    empty();
  }

  int port() {
    return server.getPort();
  }

  /** Removes all objects. */
  void empty() {
    context.getBlobStore().deleteContainer(BUCKET);
    context.getBlobStore().createContainerInLocation(null, BUCKET);
  }

  void close() throws Exception {
    server.stop();
    context.close();
  }
}
