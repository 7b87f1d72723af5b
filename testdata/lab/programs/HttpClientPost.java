// SPDX-License-Identifier: Apache-2.0
// Apache HttpClient 4.5 with a connection pool.
// Arguments: URL, validate-after-inactivity in ms (-1: never), retries on NoHttpResponseException,
// socket timeout in ms, then body, pause in ms, body, pause in ms, … body.
import org.apache.http.NoHttpResponseException;
import org.apache.http.client.config.RequestConfig;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.entity.ContentType;
import org.apache.http.entity.StringEntity;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClients;
import org.apache.http.impl.conn.PoolingHttpClientConnectionManager;
import org.apache.http.util.EntityUtils;

public class HttpClientPost {
  static void say(String words) {
    System.out.printf("%.3f httpclient: %s%n", System.currentTimeMillis() / 1000.0, words);
  }

  public static void main(String[] args) throws Exception {
    PoolingHttpClientConnectionManager pool = new PoolingHttpClientConnectionManager();
    pool.setValidateAfterInactivity(Integer.parseInt(args[1]));
    int retries = Integer.parseInt(args[2]);
    RequestConfig config = RequestConfig.custom().setConnectTimeout(5000)
        .setSocketTimeout(Integer.parseInt(args[3])).build();
    try (CloseableHttpClient client = HttpClients.custom().setConnectionManager(pool)
        .setDefaultRequestConfig(config)
        .setRetryHandler((error, count, context) ->
            count <= retries && error instanceof NoHttpResponseException)
        .build()) {
      for (int i = 4; i < args.length; i += 2) {
        HttpPost post = new HttpPost(args[0]);
        post.setEntity(new StringEntity(args[i], ContentType.APPLICATION_FORM_URLENCODED));
        try (CloseableHttpResponse response = client.execute(post)) {
          say(response.getStatusLine() + " " + EntityUtils.toString(response.getEntity()));
        } catch (java.io.IOException error) {
          say(error.toString());
        }
        if (i + 1 < args.length) Thread.sleep(Long.parseLong(args[i + 1]));
      }
    }
  }
}
